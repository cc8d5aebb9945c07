#include "deployment.h"
#include "json.h"
#include "text.h"
#include "verbs.h"

#include "template-c.h"
#include "template-cxx.h"
#include "template-python.h"
#include "template-sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct template
{
	const char *name;
	const char *endings[4];
	const char *text;
	mode_t mode;
}
templates[] = {
	{"c", {".c"}, template_c, 0666},
	{"c++", {".cc", ".cpp", ".cxx"}, template_cxx, 0666},
	{"python", {".py"}, template_python, 0666},
	{"sh", {".sh"}, template_sh, 0777},
};

enum { TEMPLATE_COUNT = sizeof(templates) / sizeof(templates[0]) };

static const struct template *by_name(const struct options *options, const char *name)
{
	const char *names[TEMPLATE_COUNT + 1] = {0};

	for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
		if (!strcmp(templates[i].name, name))
			return &templates[i];
		names[i] = templates[i].name;
	}
	const char *nearest = text_nearest(name, names);
	options_wrong(options, "there is no template '%s'; say %s", name,
	              nearest ? nearest : "c, c++, python or sh");
}

static const struct template *by_ending(const struct options *options, const char *path)
{
	for (unsigned i = 0; i < TEMPLATE_COUNT; i++)
		for (const char *const *ending = templates[i].endings; *ending; ending++)
			if (text_ends_in(path, *ending))
				return &templates[i];
	options_wrong(options,
	              "'%s' ends in none of .c, .cc, .py and .sh; say --template=c, c++, python "
	              "or sh",
	              path);
}

/* FILE and NAME in a template are where the file's own and the action's go. */
static void write_text(FILE *out, const char *text, const char *file, const char *name)
{
	for (; *text; text++) {
		bool is_file = !strncmp(text, "FILE", 4);

		if (!is_file && strncmp(text, "NAME", 4)) {
			fputc(*text, out);
			continue;
		}
		fputs(is_file ? file : name, out);
		text += 3;
	}
}

/* What is already there, or does not go out whole, is a failure: a negative errno. */
static int write_file(const char *path, const char *name, const struct template *template)
{
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, template->mode);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int error = out ? 0 : -errno;

	if (out) {
		write_text(out, template->text, file, name);
		if (ferror(out) | fclose(out))
			error = errno ? -errno : -EIO;
	}
	if (error && fd >= 0)
		unlink(path);
	return error;
}

/* With the path as a shell takes it, of all that a sane person calls a folder. */
static void print_made(const char *path, bool needs_grant)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._-/+,:@%";
	const char *quote = path[strspn(path, plain)] ? "'" : "";

	fprintf(stderr, "Made %s, a function that greets. Deploy it: mett deploy %s%s%s%s%s\n",
	        path, quote, *path == '-' ? "./" : "", path, quote,
	        needs_grant ? " --grant system" : "");
}

static int create(const struct options *options, const struct deployment *deployment,
                  const struct template *template)
{
	const char *path = deployment->path;
	int error = write_file(path, deployment->name, template);

	if (error == -EEXIST) {
		say("'%s' exists, and is not written over; name another file", path);
		return STATUS_REFUSED;
	}
	if (error) {
		say("cannot write '%s': %s", path, strerror(-error));
		return STATUS_REFUSED;
	}
	if (options->json)
		json_print(json_pack("{s:s, s:s, s:s}", "file", path, "name", deployment->name,
		                     "template", template->name));
	else
		print_made(path, !strcmp(template->name, "sh"));
	return STATUS_GOOD;
}

static int run(struct options *options)
{
	static const struct option own[] = {{"template", required_argument, NULL, 't'}, {0}};
	const struct template *template = NULL;
	struct deployment deployment;
	int letter;

	while ((letter = options_next(options, "t:", own)) != OPTIONS_END)
		if (letter == 't')
			template = by_name(options, optarg);
	options_operands(options, 1, 1, "which file to write, as in 'mett new hello.py'");
	deployment_init(&deployment, options->operands[0]);
	if (!template)
		template = by_ending(options, deployment.path);
	if (!deployment_set_name(&deployment, NULL))
		options_wrong(options,
		              "'%s': an action would be called like the file without its ending, "
		              "in [A-Za-z0-9._-]{1,%d}; choose such a name",
		              deployment.path, METT_NAME_MAX);
	return create(options, &deployment, template);
}

const struct verb verb_new = {
	.name = "new",
	.summary = "write a small function to begin with",
	.usage = "[OPTION]... FILE",
	.text = "Writes a complete small function, in the language that FILE's ending names: .c, .cc,\n"
		".py or .sh. A file that exists is not touched.\n"
		"\n"
		"  -t, --template=LANGUAGE  c, c++, python or sh, whatever FILE's ending\n",
	.examples = "  mett new hello.py\n"
		    "  mett new --template=sh greet\n",
	.run = run,
};
