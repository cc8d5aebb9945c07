/*
 * bench: what an invocation costs, as multiples of what waking, forking, starting
 * and confining a process cost on the same core, at the same pace, in the same
 * run. Absolute times mean little on a shared machine; ratios last.
 */
#include <errno.h>
#include <stdio.h>

#include "fail.h"
#include "options.h"
#include "report.h"
#include "run.h"

static void write_file(const char *path, const struct run *run)
{
	FILE *file = fopen(path, "we");

	if (!file)
		fail(path, -errno);
	report_json(file, run);
	if (fclose(file))
		fail(path, -errno);
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct run run;

	switch (options_read(argc, argv, &options)) {
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_WRONG:
		return 2;
	case OPTIONS_RUN:
		break;
	}
	run_all(&run, &options);
	if (options.output)
		write_file(options.output, &run);
	(options.json ? report_json : report_table)(stdout, &run);
	run_deinit(&run);
	return fflush(stdout) ? 1 : 0;
}
