#include <mett-eagle/common.h>

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	int code;
} reasons[METT_REASON_COUNT] = {
	[METT_OK] = {"ok", 0},
	[METT_BAD_ARGUMENT] = {"bad argument", EINVAL},
	[METT_NO_ACTION] = {"no such action", EINVAL},
	[METT_EXISTS] = {"exists", EEXIST},
	[METT_BAD_DATASPACE] = {"bad dataspace", EINVAL},
	[METT_BAD_PROGRAM] = {"bad program", EINVAL},
	[METT_TOO_LARGE] = {"too large", EMSGSIZE},
	[METT_CRASHED] = {"crashed", EFAULT},
	[METT_EXITED] = {"exited wrongly", EFAULT},
	[METT_FAILED] = {"failed", EFAULT},
	[METT_TIMED_OUT] = {"timed out", EFAULT},
	[METT_OUT_OF_MEMORY] = {"out of memory", EFAULT},
	[METT_FORBIDDEN] = {"forbidden system call", EFAULT},
	[METT_PROTOCOL] = {"protocol violated", EFAULT},
	[METT_NO_START] = {"did not start", EFAULT},
	[METT_NO_CORE] = {"no core", ENOENT},
	[METT_DEPTH] = {"nested too deep", EFAULT},
	[METT_BUSY] = {"busy", EAGAIN},
	[METT_NO_MEMORY] = {"server out of memory", ENOMEM},
	[METT_GONE] = {"server gone", EPIPE},
	[METT_DENIED] = {"denied", EACCES},
	[METT_NO_NAMESPACE] = {"no such namespace", ENOENT},
	[METT_QUOTA] = {"quota reached", EDQUOT},
	[METT_NO_STATE] = {"state not kept", EIO},
	[METT_NO_VERSION] = {"no such version", EINVAL},
};

static const char *const languages[METT_LANGUAGE_COUNT] = {
	[METT_LANGUAGE_BINARY] = "binary",
	[METT_LANGUAGE_PYTHON] = "python",
	[METT_LANGUAGE_EXEC] = "exec",
	[METT_LANGUAGE_ACTIONLOOP] = "actionloop",
};

const char *mett_language_name(enum mett_language language)
{
	return (unsigned)language < METT_LANGUAGE_COUNT ? languages[language] : NULL;
}

const char *mett_reason_name(enum mett_reason reason)
{
	return (unsigned)reason < METT_REASON_COUNT ? reasons[reason].name : "unknown";
}

int mett_reason_errno(enum mett_reason reason)
{
	return (unsigned)reason < METT_REASON_COUNT ? reasons[reason].code : EINVAL;
}

int mett_name_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t length = name ? strnlen(name, METT_NAME_MAX + 1) : 0;

	return length > 0 && length <= METT_NAME_MAX && strspn(name, allowed) == length;
}
