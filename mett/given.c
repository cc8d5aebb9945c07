#include "given.h"

#include "text.h"

bool given_option(struct deployment *deployment, const struct options *options, int letter)
{
	switch (letter) {
	case 'l':
		if (!deployment_set_language(deployment, optarg))
			options_wrong(options,
			              "--language: there is no '%s'; say c, c++, python, exec, "
			              "actionloop or binary",
			              optarg);
		return true;
	case 'p':
		if (!text_to_policy(optarg, &deployment->options.policy))
			options_wrong(options,
			              "--policy: there is no '%s'; say fork, spawn or reuse",
			              optarg);
		return true;
	case 'g':
		if (!deployment_set_grant(deployment, optarg))
			options_wrong(options,
			              "--grant: there is no '%s'; say system or env:KEY=VALUE",
			              optarg);
		return true;
	default:
		return false;
	}
}
