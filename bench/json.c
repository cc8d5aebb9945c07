#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <string.h>

#include <libfmt/fmt.h>

#include "floors.h"
#include "report.h"
#include "targets.h"

/* Text as JSON has it; ours is ASCII, and what is not is left out. */
static void put_text(FILE *file, const char *text)
{
	putc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', file);
		if (*text >= ' ' && *text <= '~')
			putc(*text, file);
	}
	putc('"', file);
}

static void put_pair(FILE *file, const char *key, const char *text)
{
	fmt_print(file, "\"{}\": ", key);
	put_text(file, text);
}

static void read_processor(char *ret, size_t size)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");

	fmt_format(ret, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (colon && !strncmp(line, "model name", strlen("model name"))) {
			fmt_format(ret, size, "{}", colon + 2);
			break;
		}
	}
	if (file)
		fclose(file);
}

static void put_machine(FILE *file, const struct run *run)
{
	struct utsname system;
	struct sysinfo info;
	char processor[128], release[160];

	uname(&system);
	sysinfo(&info);
	read_processor(processor, sizeof(processor));
	fmt_format(release, sizeof(release), "{} {}", system.sysname, system.release);
	fmt_print(file, "  \"machine\": {{");
	put_pair(file, "kernel", release);
	fmt_print(file, ", ");
	put_pair(file, "cpu", processor);
	fmt_print(file, ", \"cores\": {}, \"memory_mib\": {}}},\n", run->cores,
	          (uint64_t)info.totalram * info.mem_unit >> 20);
}

static void put_figures(FILE *file, const char *key, const struct figures *figures)
{
	unsigned rounds = figures->rounds;

	fmt_print(file,
	          "\"{}\": {{\"p50_us\": {:.3f}, \"p99_us\": {:.3f}, \"per_second\": {:.1f}, "
	          "\"samples\": {}}}",
	          key, stats_median(figures->p50, rounds), stats_median(figures->p99, rounds),
	          stats_median(figures->per_second, rounds), figures->samples * rounds);
}

static void put_floors(FILE *file, const struct run *run)
{
	const char *comma = "";

	fmt_print(file, "  \"floors\": {{");
	for (unsigned i = 0; i < FLOOR_COUNT; i++) {
		const struct figures *paced = &run->figures[R_PACED + i];
		const struct figures *saturated = &run->figures[R_SATURATED + i];

		if (!paced->rounds && !saturated->rounds)
			continue;
		fmt_print(file, "{}\n    \"{}\": {{", comma, floor_name(i));
		if (paced->rounds)
			put_figures(file, "paced", paced);
		if (paced->rounds && saturated->rounds)
			fmt_print(file, ", ");
		if (saturated->rounds)
			put_figures(file, "saturated", saturated);
		fmt_print(file, "}}");
		comma = ",";
	}
	fmt_print(file, "\n  }},\n");
}

static void put_target(FILE *file, const struct target *target, const struct outcome *outcome)
{
	fmt_print(file, "    {{\"name\": \"{}\", \"what\": \"{}\", \"unit\": \"{}\", ",
	          target->name, target->what, target->unit);
	if (outcome->skipped)
		fmt_print(file,
		          "\"value\": null, \"floor\": null, \"ratio\": null, "
		          "\"spread\": null, \"skipped\": \"{}\", ",
		          outcome->skipped);
	else if (target->floor)
		fmt_print(file,
		          "\"value\": {:.3f}, \"floor\": {:.3f}, \"ratio\": {:.4f}, "
		          "\"spread\": [{:.4f}, {:.4f}], ",
		          outcome->value, outcome->floor, outcome->ratio, outcome->least,
		          outcome->most);
	else
		fmt_print(file,
		          "\"value\": {:.3f}, \"floor\": null, \"ratio\": null, "
		          "\"spread\": [{:.3f}, {:.3f}], ",
		          outcome->value, outcome->least, outcome->most);
	fmt_print(file, "\"target\": {}, \"bound\": \"{}\", \"of\": ", target->bound,
	          target->at_least ? "at least" : "at most");
	put_text(file, target->floor ? target->floor : target->unit);
	fmt_print(file, ", \"met\": {}, \"undecided\": {}}}",
	          outcome->skipped ? "null"
	          : outcome->met   ? "true"
	                           : "false",
	          outcome->undecided ? "true" : "false");
}

static void put_targets(FILE *file, const struct run *run)
{
	const char *comma = "";

	fmt_print(file, "  \"targets\": [");
	for (unsigned i = 0; i < TARGET_COUNT; i++) {
		struct outcome outcome;

		if (!(run->options->targets & 1U << i))
			continue;
		target_judge(&target_table[i], run, &outcome);
		fmt_print(file, "{}\n", comma);
		put_target(file, &target_table[i], &outcome);
		comma = ",";
	}
	fmt_print(file, "\n  ],\n");
}

static void put_phases(FILE *file, const struct run *run)
{
	static const double percents[] = {0, 1, 5, 25, 50, 75, 95, 99, 99.9, 100};
	static const char *const policies[] = {"fork", "reuse"};
	const char *policy_comma = "";

	fmt_print(file, "  \"phases\": {{");
	for (unsigned policy = 0; policy < LOADED_COUNT; policy++) {
		const struct phases *phases = &run->phases[policy];

		if (!phases->count)
			continue;
		fmt_print(file, "{}\n    \"{}\": [", policy_comma, policies[policy]);
		for (unsigned i = 0; i < PHASE_COUNT; i++) {
			fmt_print(file, "{}\n      {{\"name\": \"{}\", \"samples\": {}, \"us\": {{",
			          i ? "," : "", phase_name(i), phases->count);
			for (unsigned j = 0; j < sizeof(percents) / sizeof(*percents); j++)
				fmt_print(file, "{}\"p{}\": {:.3f}", j ? ", " : "", percents[j],
				          (double)stats_percentile(phases->samples[i],
				                                   phases->count, percents[j]) /
				                  1000);
			fmt_print(file, "}}}}");
		}
		fmt_print(file, "\n    ]");
		policy_comma = ",";
	}
	fmt_print(file, "\n  }},\n");
}

static void put_throughput(FILE *file, const struct run *run)
{
	static const char *const policies[] = {"fork", "reuse"};
	unsigned rounds = run->options->rounds;

	fmt_print(file, "  \"throughput\": [");
	for (unsigned policy = 0; policy < LOADED_COUNT; policy++)
		for (unsigned i = 0; i < run->step_count; i++) {
			const double *values = run->throughput[i].per_second[policy];

			fmt_print(file,
			          "{}\n    {{\"policy\": \"{}\", \"sessions\": {}, \"cores\": {}, "
			          "\"per_second\": {:.1f}, \"spread\": [{:.1f}, {:.1f}]}}",
			          policy || i ? "," : "", policies[policy],
			          run->throughput[i].sessions, run->throughput[i].sessions,
			          stats_median(values, rounds), stats_least(values, rounds),
			          stats_most(values, rounds));
		}
	fmt_print(file, "\n  ]\n");
}

void report_json(FILE *file, const struct run *run)
{
	fmt_print(file, "{{\n");
	put_machine(file, run);
	fmt_print(file, "  \"rounds\": {}, \"quick\": {}, \"seconds\": {:.1f},\n",
	          run->options->rounds, run->options->quick, run->seconds);
	put_floors(file, run);
	put_targets(file, run);
	put_phases(file, run);
	put_throughput(file, run);
	fmt_print(file, "}}\n");
}
