/* The public header must compile alone in C++, and what is no macro must work there. */
#include <liblog/log.h>

int main()
{
	static const struct log_site site = {"pack", "file.cpp", "main", 7, LOG_LEVEL_DEBUG};

	log_write(&site, 0, "message", nullptr, 0);
	return log_set_mask(LOG_LEVEL_FATAL) == 0 && !log_enabled(LOG_LEVEL_DEBUG) ? 0 : 1;
}
