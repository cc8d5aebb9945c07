#include "private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mett_error_set(struct mett_error *error, enum mett_reason reason, int64_t detail,
                   const char *format, ...)
{
	va_list args;

	if (error) {
		error->reason = reason;
		error->detail = detail > INT32_MAX ? INT32_MAX : (int32_t)detail;
		va_start(args, format);
		vsnprintf(error->message, sizeof(error->message), format, args);
		va_end(args);
	}
	return -mett_reason_errno(reason);
}

int mett_error_clear(struct mett_error *error)
{
	if (error) {
		error->reason = METT_OK;
		error->detail = 0;
		error->message[0] = 0;
	}
	return 0;
}

int mett_error_take(struct mett_error *error, enum mett_reason reason, int32_t detail,
                    const char *text, size_t size)
{
	if (reason == METT_OK)
		return mett_error_clear(error);
	if (!error || !size)
		return mett_error_set(error, reason, detail, "%s", mett_reason_name(reason));
	if (size > sizeof(error->message) - 1)
		size = sizeof(error->message) - 1;
	memcpy(error->message, text, size);
	error->message[size] = 0;
	/* Some of it comes from functions, and it ends on terminals: no control characters. */
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)error->message[i] < ' ' || error->message[i] == 0x7f)
			error->message[i] = ' ';
	error->reason = reason;
	error->detail = detail;
	return -mett_reason_errno(reason);
}
