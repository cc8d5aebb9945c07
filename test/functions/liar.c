/* Sends what is well-formed and not true; its argument says what. */
#include "hostile.h"

enum { LARGE = 100000 };

static struct message_exit message = {.header = {.type = MESSAGE_EXIT}};

static void send_exit(const sys_cap *caps, unsigned count)
{
	hostile_send(&message, sizeof(message), caps, count);
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

/* Memory from the server; returns what is left of it in @ret. */
static sys_cap borrow(size_t size)
{
	struct message_dataspace ask = {{.type = MESSAGE_DATASPACE}, size};
	struct message_status status[8];
	struct sys_received received;

	hostile_send(&ask, sizeof(ask), NULL, 0);
	sys_gate_wait(HOSTILE_GATE, 0, 0);
	if (sys_gate_recv(HOSTILE_GATE, status, sizeof(status), &received) || !received.cap_count)
		return SYS_NO_CAP;
	return received.caps[0];
}

static void twice(void)
{
	send_exit(NULL, 0);
	send_exit(NULL, 0);
}

static void go_on(void)
{
	send_exit(NULL, 0);
	spin();
}

static void huge(void)
{
	message.size = 1ULL << 40;
	send_exit(NULL, 0);
}

static void nothing(void)
{
	message.size = LARGE;
	send_exit(NULL, 0);
}

static void pipe_for_answer(void)
{
	const sys_cap log = HOSTILE_LOG;

	message.size = LARGE;
	send_exit(&log, 1);
}

static void too_small(void)
{
	sys_cap lent = borrow(LARGE);

	message.size = 10 * LARGE;
	send_exit(&lent, 1);
}

static void still_mapped(void)
{
	sys_cap lent = borrow(LARGE);
	void *memory;

	message.size = LARGE;
	if (sys_map(lent, LARGE, 1, &memory))
		return;
	send_exit(&lent, 1);
	for (;;)
		++*(volatile unsigned char *)memory;
}

static void negative(void)
{
	message.error = -1;
	send_exit(NULL, 0);
}

static void times(void)
{
	message.times.start_runtime = ~0ULL;
	message.times.end_function = 1;
	send_exit(NULL, 0);
}

static void ready(void)
{
	struct message_ready lie = {{.type = MESSAGE_READY}};

	hostile_send(&lie, sizeof(lie), NULL, 0);
}

/* No bytes at all: to the other side that looks like the end. */
static void empty(void)
{
	hostile_send("", 0, NULL, 0);
	spin();
}

static void bad_slot(void)
{
	struct message_invoke invoke = {.header = {.type = MESSAGE_INVOKE}, .slot = 99};

	message_name_set(&invoke.name, "empty");
	hostile_send(&invoke, sizeof(invoke), NULL, 0);
	spin();
}

static void many_calls(void)
{
	struct message_invoke invoke = {.header = {.type = MESSAGE_INVOKE}};

	message_name_set(&invoke.name, "empty");
	for (int i = 0; i < 10000; i++, invoke.header.tag++)
		if (hostile_send(&invoke, sizeof(invoke), NULL, 0))
			break;
	spin();
}

static void huge_loan(void)
{
	borrow(1ULL << 60);
	spin();
}

static void many_loans(void)
{
	for (int i = 0; i < 10000; i++)
		borrow(METT_PAYLOAD_MAX);
	spin();
}

static const struct {
	const char *name;
	void (*tell)(void);
} lies[] = {
	{"twice", twice},
	{"go-on", go_on},
	{"huge", huge},
	{"nothing", nothing},
	{"pipe", pipe_for_answer},
	{"too-small", too_small},
	{"still-mapped", still_mapped},
	{"negative", negative},
	{"times", times},
	{"ready", ready},
	{"empty", empty},
	{"bad-slot", bad_slot},
	{"many-calls", many_calls},
	{"huge-loan", huge_loan},
	{"many-loans", many_loans},
};

int faas_main(const void *argument, size_t size)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (hostile_is(argument, size, lies[i].name)) {
			lies[i].tell();
			return faas_answer_text("told");
		}
	return faas_fail("no lie of the name '{}'", fmt_bytes(argument, size));
}
