#include "change.h"

#include "json.h"
#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a whole file, as the server has it. */
static int digest_of(int fd, char ret[SHA256_DIGEST_STRING_LENGTH], uint64_t *ret_size)
{
	static unsigned char block[64 << 10];
	SHA2_CTX context;
	uint64_t size = 0;
	ssize_t got;

	SHA256Init(&context);
	while ((got = pread(fd, block, sizeof(block), (off_t)size)) > 0) {
		SHA256Update(&context, block, (size_t)got);
		size += (uint64_t)got;
	}
	if (got < 0)
		return -errno;
	SHA256End(&context, ret);
	*ret_size = size;
	return 0;
}

__attribute__((format(printf, 3, 4))) static void note(FILE *out, bool *noted, const char *format,
                                                       ...)
{
	va_list args;

	fputs(*noted ? ", " : "", out);
	*noted = true;
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
}

static const char *time_text(uint64_t us, char unit[static TEXT_UNIT_MAX])
{
	return us ? text_duration(us * 1000, unit) : "none";
}

static const char *size_text(uint64_t bytes, char unit[static TEXT_UNIT_MAX])
{
	return bytes ? text_size(bytes, unit) : "none";
}

/* What cannot be forked is spawned, whichever of the two was said. */
static enum mett_policy policy_of(const struct mett_action_options *options)
{
	bool forks = options->language != METT_LANGUAGE_EXEC &&
	             options->language != METT_LANGUAGE_ACTIONLOOP;

	if (options->policy == METT_POLICY_DEFAULT || options->policy == METT_POLICY_FORK)
		return forks ? METT_POLICY_FORK : METT_POLICY_SPAWN;
	return options->policy;
}

static bool has_entry(const char *const *environment, const char *entry)
{
	for (; environment && *environment; environment++)
		if (!strcmp(*environment, entry))
			return true;
	return false;
}

static bool has_key(const char *const *environment, const char *entry)
{
	size_t key = strcspn(entry, "=") + 1;

	for (; environment && *environment; environment++)
		if (!strncmp(*environment, entry, key))
			return true;
	return false;
}

/* Of the entries only the keys: values can be secrets. */
static void compare_environment(FILE *out, bool *noted, const char *const *before,
                                const char *const *after)
{
	for (const char *const *entry = after; entry && *entry; entry++)
		if (!has_entry(before, *entry))
			note(out, noted, "env %.*s set", (int)strcspn(*entry, "="), *entry);
	for (const char *const *entry = before; entry && *entry; entry++)
		if (!has_key(after, *entry))
			note(out, noted, "env %.*s gone", (int)strcspn(*entry, "="), *entry);
}

static void compare_options(FILE *out, bool *noted, const struct mett_action_options *before,
                            const struct mett_action_options *after)
{
	char left[TEXT_UNIT_MAX], right[TEXT_UNIT_MAX];

	if (before->language != after->language)
		note(out, noted, "language %s -> %s", mett_language_name(before->language),
		     mett_language_name(after->language));
	if (policy_of(before) != policy_of(after))
		note(out, noted, "policy %s -> %s", text_policy(policy_of(before)),
		     text_policy(policy_of(after)));
	if (before->defaults.timeout_us != after->defaults.timeout_us)
		note(out, noted, "timeout %s -> %s", time_text(before->defaults.timeout_us, left),
		     time_text(after->defaults.timeout_us, right));
	if (before->defaults.memory_limit != after->defaults.memory_limit)
		note(out, noted, "memory %s -> %s", size_text(before->defaults.memory_limit, left),
		     size_text(after->defaults.memory_limit, right));
	if (before->concurrency != after->concurrency)
		note(out, noted, "concurrency %u -> %u (0: unlimited)", before->concurrency,
		     after->concurrency);
	if (before->grants != after->grants)
		note(out, noted,
		     after->grants & METT_GRANT_SYSTEM ? "system granted" : "system not granted");
	compare_environment(out, noted, before->environment, after->environment);
}

static bool drops_options(const struct mett_action_options *before,
                          const struct mett_action_options *after)
{
	for (const char *const *entry = before->environment; entry && *entry; entry++)
		if (!has_key(after->environment, *entry))
			return true;
	return (before->defaults.timeout_us && !after->defaults.timeout_us) ||
	       (before->defaults.memory_limit && !after->defaults.memory_limit) ||
	       (before->concurrency && !after->concurrency) || (before->grants & ~after->grants) ||
	       (before->policy == METT_POLICY_REUSE && after->policy != METT_POLICY_REUSE) ||
	       (before->policy == METT_POLICY_SPAWN && policy_of(after) == METT_POLICY_FORK);
}

static void describe_new(FILE *out, const struct mett_action_options *options, uint64_t size)
{
	char unit[TEXT_UNIT_MAX];
	bool noted = false;

	note(out, &noted, "new: %s", mett_language_name(options->language));
	note(out, &noted, "%s", text_size(size, unit));
	note(out, &noted, "%s", text_policy(policy_of(options)));
	if (options->defaults.timeout_us)
		note(out, &noted, "timeout %s", time_text(options->defaults.timeout_us, unit));
	if (options->defaults.memory_limit)
		note(out, &noted, "memory %s", size_text(options->defaults.memory_limit, unit));
	if (options->concurrency)
		note(out, &noted, "concurrency %u", options->concurrency);
	if (options->grants & METT_GRANT_SYSTEM)
		note(out, &noted, "system granted");
	compare_environment(out, &noted, NULL, options->environment);
}

static const struct mett_version *current_of(const struct mett_version *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].current)
			return &rows[i];
	return NULL;
}

static void compare(FILE *out, const struct deployment *deployment, const char *digest,
                    uint64_t size, const struct mett_version *before, struct change *change)
{
	char left[TEXT_UNIT_MAX], right[TEXT_UNIT_MAX];
	bool noted = false;

	if (!before) {
		change->kind = CHANGE_NEW;
		describe_new(out, &deployment->options, size);
		return;
	}
	change->version = before->version;
	if (!*before->digest)
		note(out, &noted, "program (the server keeps no digest to compare)");
	else if (strcmp(before->digest, digest))
		note(out, &noted, "program %s -> %s", text_size(before->size, left),
		     text_size(size, right));
	compare_options(out, &noted, &before->options, &deployment->options);
	change->drops = drops_options(&before->options, &deployment->options);
	change->kind = noted ? CHANGE_DIFFERENT : CHANGE_NONE;
	if (!noted)
		fprintf(out, "unchanged, version %u", before->version);
}

int change_find(struct mett_client *client, const struct deployment *deployment, struct change *ret)
{
	char digest[SHA256_DIGEST_STRING_LENGTH];
	struct mett_version *rows = NULL;
	struct change change = {0};
	struct mett_error error;
	uint64_t size = 0;
	size_t count = 0, length;

	int failure = digest_of(deployment->program, digest, &size);
	if (failure) {
		say("cannot read '%s': %s", deployment->path, strerror(-failure));
		return STATUS_REFUSED;
	}
	if (mett_action_versions(client, deployment->name, &rows, &count, &error) < 0 &&
	    error.reason != METT_NO_ACTION)
		return say_error(&error);
	FILE *out = text_need(open_memstream(&change.text, &length));
	compare(out, deployment, digest, size, current_of(rows, count), &change);
	fclose(out);
	text_need(change.text);
	free(rows);
	*ret = change;
	return STATUS_GOOD;
}

void change_deinit(struct change *change)
{
	free(change->text);
	*change = (struct change){0};
}

void change_print(const struct change *change, const char *name)
{
	struct colours colours = text_colours(stdout);
	static const char signs[] = {'+', '~', '='};
	const char *begin = change->kind == CHANGE_NONE  ? colours.faint
	                    : change->kind == CHANGE_NEW ? colours.good
	                                                 : colours.strong;

	printf("%s%c %s: ", begin, signs[change->kind], name);
	text_print(stdout, change->text, strlen(change->text));
	printf("%s\n", colours.off);
}

json_t *change_json(const struct change *change, const char *name)
{
	static const char *const kinds[] = {"new", "different", "none"};
	json_t *object = json_pack("{s:s, s:s}", "name", name, "change", kinds[change->kind]);

	json_bytes(object, "what", change->text, strlen(change->text));
	if (change->version)
		json_object_set_new(object, "version", json_integer(change->version));
	return object;
}
