#include <mett-eagle/base.h>

#include <stdlib.h>

void mett_result_deinit(struct mett_result *result)
{
	/* A worker's results are always from malloc. */
	free(result->memory);
	*result = (struct mett_result){0};
}
