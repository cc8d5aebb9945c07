#include "cores.h"

#include <string.h>

void cores_init(struct cores *cores, enum cores_policy policy, const unsigned *numbers,
                unsigned count)
{
	memset(cores, 0, sizeof(*cores));
	pthread_mutex_init(&cores->mutex, NULL);
	cores->policy = policy;
	cores->count = count;
	memcpy(cores->number, numbers, count * sizeof(*numbers));
}

void cores_deinit(struct cores *cores)
{
	pthread_mutex_destroy(&cores->mutex);
}

int cores_take(struct cores *cores, unsigned *ret)
{
	unsigned best = 0;
	int result = 0;

	pthread_mutex_lock(&cores->mutex);
	/* From the last: interrupts and the rest of the machine favour the first. */
	for (unsigned i = cores->count; i-- > 0;)
		if (i == cores->count - 1 || cores->clients[i] < cores->clients[best])
			best = i;
	if (cores->clients[best] && cores->policy == CORES_REFUSE)
		result = CORES_REFUSED;
	else
		cores->clients[best]++;
	if (!result)
		*ret = cores->number[best];
	pthread_mutex_unlock(&cores->mutex);
	return result;
}

void cores_put(struct cores *cores, unsigned number)
{
	pthread_mutex_lock(&cores->mutex);
	for (unsigned i = 0; i < cores->count; i++)
		if (cores->number[i] == number && cores->clients[i]) {
			cores->clients[i]--;
			break;
		}
	pthread_mutex_unlock(&cores->mutex);
}
