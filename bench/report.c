#include "report.h"

#include <stdlib.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include "floors.h"
#include "targets.h"

enum { TEXT = 32 };

/* Three digits or more, as times and rates are so different. */
static void format_number(char *ret, double number)
{
	fmt_format(ret, TEXT, number < 10 ? "{:.2f}" : number < 1000 ? "{:.1f}" : "{:.0f}", number);
}

static void print_floors(FILE *file, const struct run *run)
{
	static const char *const what[] = {"futex round trip", "fork, exit, wait",
	                                   "posix_spawn, wait",
	                                   "clone with namespaces, exit, wait"};

	fmt_print(file, "{:<36} {:>10} {:>10} {:>14} {:>14}\n", "floors, us", "paced p50", "p99",
	          "saturated p50", "p99");
	for (unsigned i = 0; i < FLOOR_COUNT; i++) {
		const struct figures *figures[] = {&run->figures[R_PACED + i],
		                                   &run->figures[R_SATURATED + i]};

		if (!figures[0]->rounds && !figures[1]->rounds)
			continue;
		fmt_print(file, "{}: {:<33}", floor_name(i), what[i]);
		for (unsigned j = 0; j < 2; j++) {
			char p50[TEXT] = "-", p99[TEXT] = "-";

			if (figures[j]->rounds) {
				format_number(p50,
				              stats_median(figures[j]->p50, figures[j]->rounds));
				format_number(p99,
				              stats_median(figures[j]->p99, figures[j]->rounds));
			}
			fmt_print(file, " {:>{}} {:>{}}", p50, j ? 14 : 10, p99, j ? 14 : 10);
		}
		fmt_print(file, "\n");
	}
}

static void print_target(FILE *file, const struct target *target, const struct outcome *outcome,
                         bool colour)
{
	char value[TEXT], floor[TEXT] = "", ratio[TEXT] = "", least[TEXT], most[TEXT],
			  spread[2 * TEXT], wanted[2 * TEXT];

	fmt_format(wanted, sizeof(wanted), "{} {} {}",
	           target->at_least ? ">=" : "<=", target->bound,
	           target->floor ? target->floor : "");
	if (outcome->skipped) {
		fmt_print(file, "{:<34} {:>48}  {:<18} skipped: {}\n", target->what, "", wanted,
		          outcome->skipped);
		return;
	}
	format_number(value, outcome->value);
	if (target->floor) {
		format_number(floor, outcome->floor);
		format_number(ratio, outcome->ratio);
	}
	format_number(least, outcome->least);
	format_number(most, outcome->most);
	fmt_format(spread, sizeof(spread), "{}-{}", least, most);
	fmt_print(file, "{:<34} {:>9} {:<8} {:>9} {:>6} {:>12}  {:<18} {}{}{}{}\n", target->what,
	          value, target->unit, floor, ratio, spread, wanted,
	          !colour        ? ""
	          : outcome->met ? "\x1b[32m"
	                         : "\x1b[31m",
	          outcome->met ? "met" : "MISSED", colour ? "\x1b[0m" : "",
	          outcome->undecided ? ", not in all rounds" : "");
}

void report_table(FILE *file, const struct run *run)
{
	const char *no_color = getenv("NO_COLOR");
	bool colour = isatty(fileno(file)) && !(no_color && *no_color);
	unsigned met = 0, judged = 0, undecided = 0;

	print_floors(file, run);
	fmt_print(file, "\n{:<34} {:>9} {:<8} {:>9} {:>6} {:>12}  {:<18}\n", "targets", "ours", "",
	          "floor", "ratio", "of rounds", "target");
	for (unsigned i = 0; i < TARGET_COUNT; i++) {
		struct outcome outcome;

		if (!(run->options->targets & 1U << i))
			continue;
		target_judge(&target_table[i], run, &outcome);
		print_target(file, &target_table[i], &outcome, colour);
		judged += !outcome.skipped;
		met += outcome.met;
		undecided += outcome.undecided;
	}
	fmt_print(file,
	          "\n{} of {} targets met, {} undecided by the rounds; {} rounds in {:.0f} s{}\n",
	          met, judged, undecided, run->options->rounds, run->seconds,
	          run->options->quick ? "; quick: rough figures, 1 s of idling, 500 actions" : "");
}
