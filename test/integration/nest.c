/* Invokes itself until that is refused; answers how deep it came, the reason, and its text. */
#include <faas.h>

#include <string.h>

int faas_main(const void *argument, size_t size)
{
	char deeper[METT_DEPTH_MAX + 8];
	struct mett_result result;
	int error;

	if (size >= sizeof(deeper))
		return faas_fail("nothing stops it");
	memset(deeper, 'x', sizeof(deeper));
	if (!faas_invoke("nest", deeper, size + 1, NULL, &result))
		error = faas_answer(result.answer, result.answer_size);
	else
		error = faas_answer_format("{} {} {}", size + 1, (int)result.error.reason,
		                           result.error.message);
	mett_result_deinit(&result);
	return error;
}
