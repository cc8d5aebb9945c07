#include "completion.h"
#include "connection.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_ = 32 };

/* One line of a verb's help that is about an option. */
struct described {
	char letter; /* 0: none */
	char name[NAME_MAX_], value[NAME_MAX_];
	char what[80];
};

/* A command line as far as it is understood. */
struct line {
	const struct verb *verb; /* NULL: none named yet */
	struct described value_of;
	bool needs_value;
	int operands;
	struct options options;
	const char *word;   /* unfinished */
	const char *before; /* what stands before it in its own word, as "--policy="; so long: */
	int before_length;
	FILE *out;
};

/* The next option that a text describes; returns false behind the last. */
static bool next_option(const char **text, struct described *ret)
{
	while (**text) {
		const char *line = *text, *end = strchrnul(line, '\n');
		size_t begin = strncmp(line, "  -", 3) ? 6 : line[3] == '-' ? 2 : 6;
		int used = 0;

		*text = *end ? end + 1 : end;
		*ret = (struct described){.letter = line[2] == '-' && begin == 6 ? line[3] : 0};
		if (strncmp(line, "  -", 3) && strncmp(line, "      --", 8))
			continue;
		if (end - line > (long)begin &&
		    sscanf(line + begin, "--%31[a-z0-9-]%n", ret->name, &used) == 1) {
			line += begin + (size_t)used;
			if (sscanf(line, "=%31[A-Za-z=]%n", ret->value, &used) == 1)
				line += used;
			sscanf(line, "%*[ ]%79[^\n]", ret->what);
			return true;
		}
	}
	return false;
}

/* What is known of an option, as --name or -n; false: nothing. */
static bool find_option(const struct verb *verb, const char *word, size_t length,
                        struct described *ret)
{
	const char *texts[] = {verb ? verb->text : "", options_common};

	for (unsigned i = 0; i < 2; i++)
		while (next_option(&texts[i], ret))
			if (word[1] == '-' ? strlen(ret->name) == length - 2 &&
			                             !strncmp(ret->name, word + 2, length - 2)
			                   : length == 2 && ret->letter == word[1])
				return true;
	return false;
}

static void offer(const struct line *line, const char *candidate, const char *what)
{
	if (strncmp(candidate, line->word, strlen(line->word)))
		return;
	fprintf(line->out, "%.*s%s%s%s\n", line->before_length, line->before, candidate,
	        what && *what ? "\t" : "", what ? what : "");
}

static void offer_options(const struct line *line)
{
	const char *texts[] = {line->verb ? line->verb->text : "", options_common};
	struct described option;
	char name[NAME_MAX_ + 2];

	for (unsigned i = 0; i < 2; i++)
		while (next_option(&texts[i], &option)) {
			snprintf(name, sizeof(name), "--%s", option.name);
			offer(line, name, option.what);
		}
}

static void offer_verbs(const struct line *line)
{
	for (const struct verb *const *verb = verbs_all(); *verb; verb++)
		if ((*verb)->summary)
			offer(line, (*verb)->name, (*verb)->summary);
}

/* Nobody who types wants to hear why there is none. */
static bool connect_quietly(const struct line *line, struct mett_client **ret)
{
	return freopen("/dev/null", "w", stderr) && !connection_open(&line->options, ret);
}

static void offer_actions(const struct line *line)
{
	struct mett_action_info *rows = NULL;
	struct mett_client *client;
	size_t count = 0;

	if (!connect_quietly(line, &client))
		return;
	mett_action_list(client, &rows, &count, NULL);
	for (size_t i = 0; i < count; i++)
		offer(line, rows[i].name, mett_language_name(rows[i].options.language));
	free(rows);
	mett_client_free(client);
}

static void offer_namespaces(const struct line *line)
{
	struct mett_namespace_info *rows = NULL;
	struct mett_client *client;
	size_t count = 0;

	if (!connect_quietly(line, &client))
		return;
	mett_namespace_list(client, &rows, &count, NULL);
	for (size_t i = 0; i < count; i++)
		offer(line, rows[i].name, NULL);
	free(rows);
	mett_client_free(client);
}

/* By the word that stands for it in the help: NAME, FILE, POLICY ... */
static void offer_kind(const struct line *line, const char *kind)
{
	static const struct {
		const char *kind, *values[8];
	} known[] = {
		{"POLICY", {"fork", "spawn", "reuse"}},
		{"LANGUAGE", {"binary", "c", "c++", "python", "exec", "actionloop"}},
		{"SHELL", {"bash", "zsh", "fish"}},
		{"WHAT", {"system"}},
		{"COLUMN",
	         {"name", "calls", "p50", "p99", "errors", "running", "parked", "memory"}},
	};

	if (!strcmp(kind, "FILE") || !strcmp(kind, "PATH") || !strcmp(kind, "DIR"))
		fputs(":files\n", line->out);
	else if (!strcmp(kind, "NAME"))
		offer_actions(line);
	else if (!strcmp(kind, "VERB"))
		offer_verbs(line);
	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
		for (unsigned j = 0; !strcmp(known[i].kind, kind) && j < 8 && known[i].values[j];
		     j++)
			offer(line, known[i].values[j], NULL);
}

/* Where a usage has "[list | create NAME]" those words come first; they are about namespaces. */
static bool offer_tasks(const struct line *line)
{
	char usage[256], *rest = NULL;

	if (!strchr(line->verb->usage, '|'))
		return false;
	snprintf(usage, sizeof(usage), "%s", line->verb->usage);
	for (char *word = strtok_r(usage, " |[]\n", &rest); word && !line->operands;
	     word = strtok_r(NULL, " |[]\n", &rest))
		if (*word >= 'a' && *word <= 'z')
			offer(line, word, NULL);
	if (line->operands == 1)
		offer_namespaces(line);
	return true;
}

/* The word of a verb's usage that stands for its operand of that number. */
static void offer_operand(const struct line *line)
{
	char usage[256], kind[NAME_MAX_] = "", *rest = NULL;
	int left = line->operands;

	if (offer_tasks(line))
		return;
	snprintf(usage, sizeof(usage), "%s", line->verb->usage);
	for (char *word = strtok_r(usage, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		bool repeats = strstr(word, "...") != NULL;

		if (sscanf(word, "%*[[]%31[A-Z]", kind) != 1 && sscanf(word, "%31[A-Z]", kind) != 1)
			continue;
		if (!strcmp(kind, "OPTION"))
			continue;
		if (left-- == 0 || repeats) {
			offer_kind(line, kind);
			return;
		}
	}
}

/* A word that is complete. */
static void take_word(struct line *line, const char *word)
{
	size_t length = strcspn(word, "=");

	if (line->needs_value) {
		if (!strcmp(word, "=")) /* bash makes it a word of its own */
			return;
		if (!strcmp(line->value_of.name, "socket"))
			line->options.socket = word;
		if (!strcmp(line->value_of.name, "namespace"))
			line->options.space = word;
		line->needs_value = false;
	} else if (word[0] == '-' && word[1]) {
		line->needs_value = find_option(line->verb, word, length, &line->value_of) &&
		                    *line->value_of.value;
		if (line->needs_value && word[length])
			take_word(line, word + length + 1);
	} else if (!line->verb) {
		line->verb = verb_find(word);
	} else {
		line->operands++;
	}
}

void complete(char *const *words, int count, FILE *out)
{
	struct line line = {.out = out, .word = words[count - 1], .before = words[count - 1]};

	for (int i = 0; i < count - 1; i++)
		take_word(&line, words[i]);
	line.options.verb = line.verb;
	const char *value = strchr(line.word, '=');
	if (!line.needs_value && !strncmp(line.word, "--", 2) && value) {
		line.needs_value = find_option(line.verb, line.word, (size_t)(value - line.word),
		                               &line.value_of);
		line.before_length = (int)(value + 1 - line.word);
		line.word = value + 1;
	}
	if (line.needs_value) {
		if (*line.word == '=')
			line.word++;
		if (!strcmp(line.value_of.name, "namespace"))
			offer_namespaces(&line);
		else
			offer_kind(&line, line.value_of.value);
	} else if (*line.word == '-') {
		offer_options(&line);
	} else if (!line.verb) {
		offer_verbs(&line);
	} else {
		offer_operand(&line);
	}
}
