#include "deployment.h"

#include "progress.h"
#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void deployment_init(struct deployment *deployment, const char *path)
{
	*deployment = (struct deployment){
		.path = path,
		.program = -1,
		.options.policy = METT_POLICY_FORK,
	};
}

void deployment_deinit(struct deployment *deployment)
{
	if (deployment->program >= 0)
		close(deployment->program);
	deployment->program = -1;
	for (char **entry = deployment->environment; entry && *entry; entry++)
		free(*entry);
	free(deployment->environment);
	deployment->environment = NULL;
}

bool deployment_set_name(struct deployment *deployment, const char *name)
{
	const char *base = strrchr(deployment->path, '/');
	char *own = NULL;

	if (!name) {
		base = base ? base + 1 : deployment->path;
		const char *dot = strrchr(base, '.');
		int length = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
		name = own = text_format("%.*s", length, base);
	}
	bool lawful = mett_name_valid(name);
	if (lawful)
		strcpy(deployment->name, name);
	free(own);
	return lawful;
}

bool deployment_set_language(struct deployment *deployment, const char *language)
{
	deployment->has_language = true;
	deployment->source = !strcmp(language, "c") ? "c" : !strcmp(language, "c++") ? "c++" : NULL;
	return deployment->source || text_to_language(language, &deployment->options.language);
}

/* "KEY=V", with a key that a shell could set. The later of two of a key counts. */
static bool add_environment(struct deployment *deployment, const char *entry)
{
	size_t key =
		strspn(entry, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	size_t count = 0;
	char **list = deployment->environment;

	if (!key || entry[key] != '=' || (*entry >= '0' && *entry <= '9'))
		return false;
	for (; list && list[count]; count++)
		if (!strncmp(list[count], entry, key + 1)) {
			free(list[count]);
			list[count] = text_format("%s", entry);
			return true;
		}
	list = text_need(reallocarray(list, count + 2, sizeof(*list)));
	list[count] = text_format("%s", entry);
	list[count + 1] = NULL;
	deployment->environment = list;
	deployment->options.environment = (const char *const *)list;
	return true;
}

void deployment_copy(struct deployment *deployment, const struct deployment *model,
                     const char *path)
{
	*deployment = *model;
	deployment->path = path;
	deployment->environment = NULL;
	deployment->options.environment = NULL;
	for (char **entry = model->environment; entry && *entry; entry++)
		add_environment(deployment, *entry);
}

bool deployment_set_grant(struct deployment *deployment, const char *grant)
{
	if (!strncmp(grant, "env:", 4))
		return add_environment(deployment, grant + 4);
	if (strcmp(grant, "system"))
		return false;
	deployment->options.grants |= METT_GRANT_SYSTEM;
	return true;
}

static int cannot_open(const char *path, int error)
{
	say("cannot open '%s': %s", path, strerror(error));
	return STATUS_REFUSED;
}

/* By the file's ending, or else by its first bytes. */
static int guess(struct deployment *deployment)
{
	static const char elf[] = "\177ELF", zip[] = "PK\003\004", script[] = "#!";
	enum mett_language *language = &deployment->options.language;
	const char *path = deployment->path;
	char head[4] = "";

	if (text_ends_in(path, ".c")) {
		deployment->source = "c";
		return STATUS_GOOD;
	}
	if (text_ends_in(path, ".cc") || text_ends_in(path, ".cpp") || text_ends_in(path, ".cxx")) {
		deployment->source = "c++";
		return STATUS_GOOD;
	}
	if (pread(deployment->program, head, sizeof(head), 0) < 0)
		return cannot_open(path, errno);
	if (text_ends_in(path, ".py") || text_ends_in(path, ".zip") || !memcmp(head, zip, 4))
		*language = METT_LANGUAGE_PYTHON;
	else if (!memcmp(head, elf, 4))
		*language = METT_LANGUAGE_BINARY;
	else if (!memcmp(head, script, 2))
		*language = METT_LANGUAGE_EXEC;
	else {
		say("cannot tell the language of '%s': it ends in none of .c, .cc, .py and .zip, "
		    "and is neither an ELF program nor a #! script; name it with --language",
		    path);
		return STATUS_USAGE;
	}
	return STATUS_GOOD;
}

static int compile(struct deployment *deployment)
{
	struct mett_error error;

	close(deployment->program);
	deployment->program = -1;
	progress_begin("compiling %s", deployment->path);
	int failure = strcmp(deployment->source, "c")
	                      ? mett_compile_cxx(deployment->path, &deployment->program, &error)
	                      : mett_compile_c(deployment->path, &deployment->program, &error);
	progress_end();
	deployment->options.language = METT_LANGUAGE_BINARY;
	return failure ? say_error(&error) : STATUS_GOOD;
}

/* The server would say so only of scripts it was told are of this kind. */
static int need_grant(const struct deployment *deployment)
{
	say("'%s' is a script, whose interpreter is a program of this machine: functions see that "
	    "only where it is granted; add --grant system",
	    deployment->path);
	return STATUS_USAGE;
}

int deployment_open(struct deployment *deployment)
{
	const char *path = deployment->path;
	struct stat status;
	int outcome = STATUS_GOOD;

	/* Not to hang on a pipe. */
	deployment->program = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (deployment->program < 0)
		return cannot_open(path, errno);
	if (fstat(deployment->program, &status) < 0)
		return cannot_open(path, errno);
	if (!S_ISREG(status.st_mode)) {
		say("cannot deploy '%s': it is no regular file; name the function's", path);
		return STATUS_REFUSED;
	}
	if (!status.st_size) {
		say("cannot deploy '%s': it is empty; write the function first", path);
		return STATUS_REFUSED;
	}
	if (!deployment->has_language)
		outcome = guess(deployment);
	if (outcome != STATUS_GOOD)
		return outcome;
	if (deployment->source)
		return compile(deployment);
	if (!deployment->has_language && deployment->options.language == METT_LANGUAGE_EXEC &&
	    !(deployment->options.grants & METT_GRANT_SYSTEM))
		return need_grant(deployment);
	return STATUS_GOOD;
}
