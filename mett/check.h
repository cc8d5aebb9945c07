#pragma once

/*
 * Checks: what `mett doctor` looks at. Each finds one thing good, doubtful or missing,
 * says what it saw, and where it is not good how to mend it. Nothing is changed.
 */
#include <stddef.h>

enum check_verdict { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
	const char *name;
	enum check_verdict verdict;
	char found[320];
	char mend[320]; /* "" where there is nothing to mend */
};

/** struct check_scene - where the checks look */
struct check_scene {
	const char *root;   /* of /proc, /sys and /dev; "" is the machine's own */
	const char *socket; /* where the server should listen */
	const char *state;  /* where it should keep what is deployed; "": there is no place */
};

/** check_ok() - set verdict and what was found; as check_warn() and check_fail() without a mend */
__attribute__((format(printf, 2, 3))) void check_ok(struct check *check, const char *found, ...);

/** check_warn() - it works, but not all or not well; @mend is a whole sentence */
__attribute__((format(printf, 3, 4))) void check_warn(struct check *check, const char *mend,
                                                      const char *found, ...);

/** check_fail() - functions cannot run like this */
__attribute__((format(printf, 3, 4))) void check_fail(struct check *check, const char *mend,
                                                      const char *found, ...);

/** check_read() - first line of a file below the scene's root; 0 or a negative errno */
int check_read(const struct check_scene *scene, const char *path, char *ret, size_t size);

/** check_number() - the same as a number; @otherwise when there is none */
long check_number(const struct check_scene *scene, const char *path, long otherwise);

/* One a subject; names as they are shown. */
void check_kernel(struct check *check, const struct check_scene *scene);
void check_user_namespaces(struct check *check, const struct check_scene *scene);
void check_namespaces(struct check *check, const struct check_scene *scene);
void check_seccomp(struct check *check, const struct check_scene *scene);
void check_memfd(struct check *check, const struct check_scene *scene);
void check_pidfd(struct check *check, const struct check_scene *scene);
void check_cgroup(struct check *check, const struct check_scene *scene);
void check_governor(struct check *check, const struct check_scene *scene);
void check_kvm(struct check *check, const struct check_scene *scene);
void check_files(struct check *check, const struct check_scene *scene);
void check_processes(struct check *check, const struct check_scene *scene);
void check_state(struct check *check, const struct check_scene *scene);
void check_sandbox(struct check *check, const struct check_scene *scene);
void check_python(struct check *check, const struct check_scene *scene);
void check_exec(struct check *check, const struct check_scene *scene);
void check_compiler(struct check *check, const struct check_scene *scene);
void check_server(struct check *check, const struct check_scene *scene);
void check_recorder(struct check *check, const struct check_scene *scene);
