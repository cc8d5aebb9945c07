/* mett doctor: what this machine lacks, and how to mend it. */
#include "check.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "verbs.h"

#include <mett-eagle/client.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_STATE = OPTIONS_LONG };

static const struct {
	const char *name;
	void (*run)(struct check *check, const struct check_scene *scene);
} checks[] = {
	{"kernel", check_kernel},
	{"user namespaces", check_user_namespaces},
	{"other namespaces", check_namespaces},
	{"seccomp", check_seccomp},
	{"memory files", check_memfd},
	{"process descriptors", check_pidfd},
	{"sandbox", check_sandbox},
	{"python", check_python},
	{"exec", check_exec},
	{"compiler", check_compiler},
	{"open files", check_files},
	{"processes", check_processes},
	{"cgroup", check_cgroup},
	{"governor", check_governor},
	{"kvm", check_kvm},
	{"state", check_state},
	{"server", check_server},
	{"recorder", check_recorder},
};

enum { CHECKS = sizeof(checks) / sizeof(*checks) };

static const char *const verdicts[] = {
	[CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "fail"};

static void look(struct check found[CHECKS], const struct check_scene *scene)
{
	for (unsigned i = 0; i < CHECKS; i++) {
		found[i] = (struct check){.name = checks[i].name};
		progress_begin("looking at %s", checks[i].name);
		checks[i].run(&found[i], scene);
		progress_end();
	}
}

static void print(const struct check found[CHECKS])
{
	struct colours colours = text_colours(stdout);
	const char *const colour[] = {colours.good, colours.strong, colours.bad};
	unsigned count[3] = {0};

	for (unsigned i = 0; i < CHECKS; i++) {
		const struct check *check = &found[i];

		count[check->verdict]++;
		printf("%s%-4s%s  %-19s  %s\n", colour[check->verdict], verdicts[check->verdict],
		       colours.off, check->name, check->found);
		if (*check->mend)
			printf("      %-19s  %s\n", "", check->mend);
	}
	printf("%u ok, %u warn, %u fail\n", count[CHECK_OK], count[CHECK_WARN], count[CHECK_FAIL]);
}

static void print_json(const struct check found[CHECKS])
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < CHECKS; i++) {
		json_t *row = json_pack("{s:s, s:s, s:s}", "name", found[i].name, "verdict",
		                        verdicts[found[i].verdict], "found", found[i].found);

		if (*found[i].mend)
			json_object_set_new(row, "mend", json_string(found[i].mend));
		json_array_append_new(rows, row);
	}
	json_print(json_pack("{s:o}", "checks", rows));
}

static int run(struct options *options)
{
	static const struct option own[] = {{"state", required_argument, NULL, OPTION_STATE}, {0}};
	struct check found[CHECKS];
	struct check_scene scene = {.root = ""};
	char path[108], state[PATH_MAX];

	while (options_next(options, "", own) == OPTION_STATE)
		scene.state = optarg;
	options_operands(options, 0, 0, "");
	if (!scene.state) {
		mett_default_state(state, sizeof(state)); /* "": there is no place */
		scene.state = state;
	}
	scene.socket = options->socket;
	if (!scene.socket && mett_default_socket(path, sizeof(path)) < 0)
		options_wrong(options, "METT_SOCKET or XDG_RUNTIME_DIR is too long");
	if (!scene.socket)
		scene.socket = path;
	look(found, &scene);
	if (options->json)
		print_json(found);
	else
		print(found);
	for (unsigned i = 0; i < CHECKS; i++)
		if (found[i].verdict == CHECK_FAIL)
			return STATUS_FAILED;
	return STATUS_GOOD;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.summary = "look for what this machine lacks, and say how to mend it",
	.usage = "[OPTION]...",
	.text = "Looks at the kernel and what it allows, at what is installed, at the server and its\n"
		"recorder, and changes nothing. What is 'warn' works, but not all or not well; with\n"
		"one 'fail' no function runs. Exit status: 0, or 1 if anything fails.\n"
		"\n"
		"      --state=DIR          the server's --state, if it has one\n",
	.examples = "  mett doctor\n",
	.run = run,
};
