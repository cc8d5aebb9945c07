/* mett completion: what a shell asks when somebody presses Tab. */
#include "completion.h"
#include "text.h"
#include "verbs.h"

#include <string.h>

static const struct {
	const char *shell, *script;
} scripts[] = {
	{"bash",
         "_mett() {\n"
         "	local candidate current=${COMP_WORDS[COMP_CWORD]}\n"
         "	COMPREPLY=()\n"
         "	[ \"$current\" = = ] && current=\n"
         "	while IFS=$'\\t' read -r candidate _; do\n"
         "		if [ \"$candidate\" = :files ]; then\n"
         "			compopt -o filenames 2>/dev/null\n"
         "			while read -r candidate; do\n"
         "				COMPREPLY+=(\"$candidate\")\n"
         "			done < <(compgen -f -- \"$current\")\n"
         "		else\n"
         "			COMPREPLY+=(\"$candidate\")\n"
         "		fi\n"
         "	done < <(\"${COMP_WORDS[0]}\" __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
         "}\n"
         "complete -F _mett mett\n"},
	{"zsh",
         "#compdef mett\n"
         "_mett() {\n"
         "	local line files\n"
         "	local -a candidates\n"
         "	for line in ${(f)\"$($words[1] __complete \"${(@Q)words[2,CURRENT]}\")\"}; do\n"
         "		if [[ $line = :files ]]; then\n"
         "			files=1\n"
         "		else\n"
         "			candidates+=(\"${${line//:/\\\\:}/$'\\t'/:}\")\n"
         "		fi\n"
         "	done\n"
         "	(( $#candidates )) && _describe mett candidates\n"
         "	[[ -n $files ]] && _files\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _mett ]; then _mett \"$@\"; else compdef _mett mett; fi\n"},
	{"fish", "function __mett_complete\n"
                 "	set -l words (commandline -opc)\n"
                 "	for line in ($words[1] __complete $words[2..] \"\"(commandline -ct))\n"
                 "		if test \"$line\" = :files\n"
                 "			__fish_complete_path (commandline -ct)\n"
                 "		else\n"
                 "			echo $line\n"
                 "		end\n"
                 "	end\n"
                 "end\n"
                 "complete -c mett -f -a '(__mett_complete)'\n"},
};

static int run_completion(struct options *options)
{
	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	options_operands(options, 1, 1, "which shell: bash, zsh or fish");
	for (unsigned i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (!strcmp(scripts[i].shell, options->operands[0])) {
			fputs(scripts[i].script, stdout);
			return STATUS_GOOD;
		}
	options_wrong(options, "there is nothing for '%s'; say bash, zsh or fish",
	              options->operands[0]);
}

/* Its words are somebody's unfinished command line: none of them is an option of ours. */
static int run_complete(struct options *options)
{
	if (options->argc > 1)
		complete(options->argv + 1, options->argc - 1, stdout);
	return STATUS_GOOD;
}

const struct verb verb_completion = {
	.name = "completion",
	.summary = "print what makes a shell complete mett's words",
	.usage = "SHELL",
	.text = "Prints a script for bash, zsh or fish, with which the shell completes verbs, options,\n"
		"names of actions and files. For bash put 'source <(mett completion bash)' into\n"
		"~/.bashrc; for zsh 'source <(mett completion zsh)' into ~/.zshrc, behind compinit;\n"
		"for fish: mett completion fish >~/.config/fish/completions/mett.fish\n",
	.examples = "  mett completion bash\n",
	.run = run_completion,
};

const struct verb verb_complete = {
	.name = "__complete",
	.usage = "[WORD]...",
	.text = "What completion scripts ask.\n",
	.run = run_complete,
};
