#include "users.h"

#include "text.h"

#include <pwd.h>
#include <stdio.h>

const char *user_text(uint32_t uid, char buffer[static USER_TEXT_MAX])
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(buffer, USER_TEXT_MAX, "%s", entry->pw_name);
	else
		snprintf(buffer, USER_TEXT_MAX, "%u", uid);
	return buffer;
}

bool user_find(const char *text, uint32_t *ret_uid)
{
	const struct passwd *entry = getpwnam(text);
	uint64_t number;

	/* The last number means "nobody is meant" to the system. */
	if (!entry && !text_to_count(text, 0, UINT32_MAX - 1, &number))
		return false;
	*ret_uid = entry ? entry->pw_uid : (uint32_t)number;
	return true;
}
