/* What the machine gives beyond its kernel. */
#include "check.h"
#include "text.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	FILES_WISH = 65536,    /* some hundred sessions with all their workers */
	PROCESSES_WISH = 4096, /* a process each worker, zygote and sandbox */
	STATE_WISH = 128 << 20 /* what a recorder keeps of a namespace, and as much in programs */
};

/* Functions need none of it; it holds the service as a whole, if its unit says so. */
void check_cgroup(struct check *check, const struct check_scene *scene)
{
	static const char *const wanted[] = {"cpu", "memory", "pids"};
	char line[256] = "", padded[260], word[16], missing[32] = "";

	if (check_read(scene, "/sys/fs/cgroup/cgroup.controllers", line, sizeof(line)) < 0) {
		check_warn(check,
		           "Boot with systemd.unified_cgroup_hierarchy=1 to bound the server as a "
		           "whole; functions have limits of their own.",
		           "no unified hierarchy at /sys/fs/cgroup");
		return;
	}
	snprintf(padded, sizeof(padded), " %s ", line);
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		snprintf(word, sizeof(word), " %s ", wanted[i]);
		if (!strstr(padded, word))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s",
			         word);
	}
	if (*missing)
		check_warn(
			check,
			"Let them in by the parent's cgroup.subtree_control, to bound the server "
			"as a whole; functions have limits of their own.",
			"version 2, without%s", missing);
	else
		check_ok(check, "version 2: %s", line);
}

void check_governor(struct check *check, const struct check_scene *scene)
{
	char pattern[PATH_MAX], governor[64], other[64] = "";
	unsigned slow = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern),
	         "%s/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor", scene->root);
	if (glob(pattern, 0, NULL, &found)) {
		check_ok(check, "the machine does not let us choose (virtual ones do not)");
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (check_read(scene, found.gl_pathv[i] + strlen(scene->root), governor,
		               sizeof(governor)) == 0 &&
		    strcmp(governor, "performance")) {
			strcpy(other, governor);
			slow++;
		}
	if (slow)
		check_warn(check,
		           "Before you measure: cpupower frequency-set --governor performance",
		           "'%s' on %u of %zu cores: clocks take their time to rise", other, slow,
		           found.gl_pathc);
	else
		check_ok(check, "performance on %zu cores", found.gl_pathc);
	globfree(&found);
}

/* Told for those who plan with it; nothing stands on it. */
void check_kvm(struct check *check, const struct check_scene *scene)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/dev/kvm", scene->root);
	if (access(path, F_OK) < 0)
		check_ok(check, "no /dev/kvm; nothing needs it");
	else if (access(path, R_OK | W_OK) < 0)
		check_ok(check, "/dev/kvm is there, but not for us; nothing needs it");
	else
		check_ok(check, "/dev/kvm is there; nothing needs it");
}

static unsigned long long most_of(int resource)
{
	struct rlimit limit = {0};

	getrlimit(resource, &limit);
	return limit.rlim_max;
}

void check_files(struct check *check, const struct check_scene *scene)
{
	unsigned long long most = most_of(RLIMIT_NOFILE);

	if (most < FILES_WISH)
		check_warn(check,
		           "Raise it: LimitNOFILE=1048576 in the server's unit, or 'nofile' in "
		           "/etc/security/limits.conf.",
		           "at most %llu open files a process; many clients need more", most);
	else
		check_ok(check, "up to %llu open files a process", most);
}

void check_processes(struct check *check, const struct check_scene *scene)
{
	unsigned long long most = most_of(RLIMIT_NPROC);
	long pids = check_number(scene, "/proc/sys/kernel/pid_max", PROCESSES_WISH);

	if (geteuid() == 0 || most == RLIM_INFINITY)
		most = (unsigned long long)pids;
	if (most < PROCESSES_WISH)
		check_warn(check,
		           "Raise it: LimitNPROC=infinity in the server's unit, or 'nproc' in "
		           "/etc/security/limits.conf; for all: sysctl kernel.pid_max=4194304",
		           "at most %llu processes; each worker is one", most);
	else
		check_ok(check, "up to %llu processes", most);
}

/* Why nothing can be kept there, or NULL. What is not there yet is made in @place. */
static const char *state_wrong(const char *state, char place[PATH_MAX])
{
	struct stat status;

	snprintf(place, PATH_MAX, "%s", state);
	while (stat(place, &status) < 0) {
		char *slash = strrchr(place, '/');

		if (errno != ENOENT)
			return strerror(errno);
		if (slash)
			slash[slash == place] = 0;
		else
			strcpy(place, ".");
	}
	if (!S_ISDIR(status.st_mode))
		return strerror(ENOTDIR);
	if (!strcmp(place, state) && status.st_uid != geteuid())
		return "it is another user's";
	return access(place, W_OK | X_OK) < 0 ? strerror(errno) : NULL;
}

/* Without it the server runs, and refuses named namespaces. */
void check_state(struct check *check, const struct check_scene *scene)
{
	char place[PATH_MAX], unit[TEXT_UNIT_MAX];
	const char *state = scene->state;
	struct statvfs room = {0};

	if (!*state) {
		check_warn(check, "Set HOME, or choose a folder with --state.",
		           "no folder to keep anything in");
		return;
	}
	const char *why = state_wrong(state, place);
	if (!why && statvfs(place, &room) < 0)
		why = strerror(errno);
	text_size((uint64_t)room.f_bavail * room.f_frsize, unit);
	if (why)
		check_warn(check, "Mend that, or choose another with --state; nothing is kept now.",
		           "cannot use %s: %s", state, why);
	else if ((uint64_t)room.f_bavail * room.f_frsize < STATE_WISH)
		check_warn(check, "Make room, or choose another with --state.",
		           "%s has %s left for what is deployed and recorded", state, unit);
	else if (room.f_files && !room.f_favail)
		check_warn(check, "Delete some there, or choose another with --state.",
		           "%s has no room for another file", state);
	else
		check_ok(check, "%s, %s left", state, unit);
}
