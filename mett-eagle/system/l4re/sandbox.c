#include "sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell(struct later *later)
{
	struct sys_sandbox *sandbox =
		(struct sys_sandbox *)((char *)later - offsetof(struct sys_sandbox, tell));

	if (!sandbox->begun) {
		sandbox->begun = true;
		later_queue(sandbox->loop, later);
		sandbox->handler->begun(sandbox->owner);
	} else if (sandbox->why)
		sandbox->handler->failed(sandbox->owner, sandbox->why);
	else
		sandbox->handler->ready(sandbox->owner);
}

int sandbox_init(struct sys_sandbox *sandbox, struct sys_host *host, struct sys_loop *loop,
                 const struct sys_program *program)
{
	sandbox->host = host;
	sandbox->loop = loop;
	sandbox->core = program->core;
	sandbox->image.program = SYS_NO_CAP;
	if (program->environment_size) {
		sandbox->environment = malloc(program->environment_size);
		if (!sandbox->environment)
			return -ENOMEM;
		memcpy(sandbox->environment, program->environment, program->environment_size);
		sandbox->environment_size = program->environment_size;
	}
	if (program->language != METT_LANGUAGE_BINARY)
		sandbox->why = "on L4Re the server starts compiled programs only";
	else if (program->grants)
		sandbox->why = "on L4Re there is no system to be granted";
	else
		image_open(&sandbox->image, program->dataspace, &sandbox->why);
	return sandbox->why ? 0 : stock_new(&sandbox->image, &sandbox->stock);
}

/* Nothing can be forked here: a program that can be started is all that a zygote is. */
int sys_sandbox_new(struct sys_host *host, struct sys_loop *loop, const struct sys_program *program,
                    const struct sys_sandbox_handler *handler, void *owner,
                    struct sys_sandbox **ret)
{
	struct sys_sandbox *sandbox = calloc(1, sizeof(*sandbox));

	if (!sandbox)
		return -ENOMEM;
	int error = sandbox_init(sandbox, host, loop, program);
	if (error) {
		sys_sandbox_free(sandbox);
		return error;
	}
	sandbox->handler = handler;
	sandbox->owner = owner;
	sandbox->tell.run = tell;
	later_queue(loop, &sandbox->tell);
	*ret = sandbox;
	return 0;
}

void sys_sandbox_free(struct sys_sandbox *sandbox)
{
	if (!sandbox)
		return;
	later_cancel(sandbox->loop, &sandbox->tell);
	stock_free(sandbox->stock);
	image_close(&sandbox->image);
	free(sandbox->environment);
	free(sandbox);
}

/* A process is given its windows when it is made: nothing is kept for the next one. */
void sys_window_vacate(struct sys_window *window)
{
	(void)window;
}
