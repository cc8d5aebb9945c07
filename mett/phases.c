#include "phases.h"

#include "text.h"

#include <langinfo.h>
#include <string.h>

/* Where each phase ends; each begins where the one before it does. */
enum { PHASE_COUNT = 6, NAME_WIDTH = 8, TIME_WIDTH = 9, WIDTH_USUAL = 80, BAR_MAX = 100 };

static const char *const names[PHASE_COUNT] = {
	"send",     /* until the server gives it a worker */
	"worker",   /* until the worker runs */
	"runtime",  /* until the function is entered */
	"function", /* until it returns */
	"end",      /* until nothing the worker does counts */
	"receive",  /* until the client has the answer */
};

/* Times of the phases' ends. One that was not reached ends with the invocation. */
static void ends_of(const struct phases *phases, uint64_t ret[PHASE_COUNT])
{
	const struct mett_metadata *times = &phases->times;
	const uint64_t ends[PHASE_COUNT] = {times->start_worker,   times->start_runtime,
	                                    times->start_function, times->end_function,
	                                    times->end_worker,     phases->end_ns};
	uint64_t before = phases->begin_ns;

	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		ret[i] = ends[i] < before           ? before
		         : ends[i] > phases->end_ns ? phases->end_ns
		                                    : ends[i];
		before = ret[i];
	}
}

static void draw_bar(FILE *out, unsigned from, unsigned to, bool utf8)
{
	fprintf(out, "%*s", (int)from, "");
	for (unsigned i = from; i < to; i++)
		fputs(utf8 ? "\u2588" : "#", out);
}

void phases_draw(const struct phases *phases, FILE *out)
{
	struct colours colours = text_colours(out);
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	unsigned columns = text_columns(out) ? text_columns(out) : WIDTH_USUAL;
	unsigned fixed = NAME_WIDTH + 1 + TIME_WIDTH + 1;
	unsigned bar = columns > fixed + 1 ? columns - fixed - 1 : 0;
	uint64_t ends[PHASE_COUNT], before = phases->begin_ns;
	uint64_t whole = phases->end_ns - phases->begin_ns;
	char unit[TEXT_UNIT_MAX];

	if (bar > BAR_MAX)
		bar = BAR_MAX;
	ends_of(phases, ends);
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		double scale = whole ? (double)bar / (double)whole : 0;
		unsigned from = (unsigned)((double)(before - phases->begin_ns) * scale);
		unsigned to = (unsigned)((double)(ends[i] - phases->begin_ns) * scale);

		/* What took some time must be seen. */
		if (ends[i] > before && to == from && to < bar)
			to++;
		fprintf(out, "%-*s %*s ", NAME_WIDTH, names[i], TIME_WIDTH,
		        text_duration(ends[i] - before, unit));
		fputs(i == 3 ? colours.good : "", out);
		draw_bar(out, from, to, utf8);
		fprintf(out, "%s\n", i == 3 ? colours.off : "");
		before = ends[i];
	}
	fprintf(out, "%-*s %*s\n", NAME_WIDTH, "whole", TIME_WIDTH, text_duration(whole, unit));
}

json_t *phases_json(const struct phases *phases)
{
	uint64_t ends[PHASE_COUNT], before = phases->begin_ns;
	json_t *object = json_object();

	ends_of(phases, ends);
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		json_object_set_new(object, names[i], json_integer((json_int_t)(ends[i] - before)));
		before = ends[i];
	}
	json_object_set_new(object, "whole",
	                    json_integer((json_int_t)(phases->end_ns - phases->begin_ns)));
	return object;
}
