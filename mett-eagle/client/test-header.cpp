/* The public headers in C++, and the shared library by its public names. */
#include <mett-eagle/client.h>
#include <mett-eagle/worker.h>

int main()
{
	struct mett_client *client = nullptr;
	struct mett_error error;

	if (mett_register_client("/nowhere/at/all", &client, &error) >= 0 || client)
		return 1;
	return error.reason == METT_GONE && mett_name_valid("name") ? 0 : 1;
}
