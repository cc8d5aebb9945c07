/*
 * Those who ask a recorder for records, and do not keep to the protocol. It must stay, answer
 * others all the while, and be as before when they have left.
 */
#include "fuzz.h"
#include "recorder.h"

#include <recorder/query.h>
#include <recorder/store.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PARSED = 200000, MESSAGES = 5000, ROWS = 300, SILENT = 200, SLOW = 40, MUTANTS = 400 };

static const char good[] =
	"{\"namespace\":\"u0\",\"action\":\"echo\",\"id\":7,\"limit\":5,"
	"\"since_us\":1,\"after\":1,\"failed\":false,\"wrote\":true,\"follow\":false}";

/* As large as it gets, and any bytes. */
static size_t make_request(uint64_t *state, char *ret, size_t room)
{
	size_t size = sizeof(good) - 1;

	memcpy(ret, good, size);
	switch (fuzz_below(state, 4)) {
	case 0:
		fuzz_mutate(state, ret, size);
		return size;
	case 1:
		return fuzz_below(state, (unsigned)size) + 1;
	case 2: /* brackets without end */
		memset(ret, fuzz_below(state, 2) ? '[' : '{', room);
		return fuzz_below(state, (unsigned)room) + 1;
	default:
		for (size_t i = 0; i < room; i++)
			ret[i] = (char)fuzz_next(state);
		return fuzz_below(state, (unsigned)room) + 1;
	}
}

TEST_TIMEOUT(any_request_is_read_or_refused, 300)
{
	char request[256], why[METT_MESSAGE_MAX];
	uint64_t state = 1;
	unsigned taken = 0;

	for (unsigned i = 0; i < PARSED; i++) {
		size_t size = make_request(&state, request, sizeof(request));
		struct query query = {0};
		enum mett_reason reason;

		*why = 0;
		reason = query_parse(&query, request, size, why);
		if (reason)
			CHECK(*why && strlen(why) < sizeof(why));
		else
			CHECK(mett_name_valid(query.name_space) && query.limit > 0);
		taken += !reason;
	}
	CHECK(taken > 0 && taken < PARSED);
	struct query query;
	CHECK_EQ(query_parse(&query, good, sizeof(good) - 1, why), METT_OK);
	CHECK_EQ(query.activation, 7);
}

static const struct {
	const char *request, *why;
} wrongs[] = {
	{"", "no JSON object"},
	{"[]", "no JSON object"},
	{"{}", "'namespace' is missing"},
	{"{\"namespace\":\"a b\"}", "no lawful name"},
	{"{\"namespace\":\"a\",\"namespace\":\"b\"}", "no JSON object"},
	{"{\"namespace\":7}", "no lawful name"},
	{"{\"namespace\":\"a\",\"id\":-1}", "no number"},
	{"{\"namespace\":\"a\",\"id\":1.5}", "no number"},
	{"{\"namespace\":\"a\",\"limit\":2000000}", "more than"},
	{"{\"namespace\":\"a\",\"follow\":1}", "neither true nor false"},
	{"{\"namespace\":\"a\",\"nam\":1}", "'nam'"},
	{"{\"namespace\":\"a\"} {}", "no JSON object"},
};

TEST(what_is_wrong_is_said)
{
	struct query query;
	char why[METT_MESSAGE_MAX];

	for (unsigned i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		CHECK_EQ(query_parse(&query, wrongs[i].request, strlen(wrongs[i].request), why),
		         METT_BAD_ARGUMENT);
		if (!strstr(why, wrongs[i].why))
			test_fail(__FILE__, __LINE__, "%s: %s", wrongs[i].request, why);
	}
}

/* A recorder without its server, and records made here. */
struct scene {
	struct server server; /* a path, where none is */
	struct recorder recorder;
	unsigned fds;
};

/* What the log of row @id is: any bytes. */
static void make_log(uint64_t id, char *ret)
{
	uint64_t state = id;

	for (size_t i = 0; i < METT_RECORD_LOG_MAX; i++)
		ret[i] = (char)fuzz_next(&state);
}

static void fill(const char *folder)
{
	const struct store_limits limits = {ROWS, 1 << 30};
	union record_copy copy = {0};
	struct store *store;
	char why[512];

	CHECK_EQ(store_open(folder, &limits, &store, why, sizeof(why)), 0);
	store_server(store, 1);
	struct space *space = store_space(store, recorder_home(), getuid());
	CHECK_EQ(store_begin(store), 0);
	for (uint64_t id = 1; id <= ROWS; id++) {
		copy.outcome = (struct record){
			.header = {sizeof(copy), RECORD_OUTCOME},
			.id = id,
			.calls = 1,
			.action = "echo",
			.text_size = 3,
			.log_size = METT_RECORD_LOG_MAX,
		};
		memcpy(copy.room + sizeof(copy.outcome), "x\xff\n", 3);
		make_log(id, (char *)copy.room + sizeof(copy.outcome) + 3);
		store_add(store, space, &copy);
	}
	CHECK_EQ(store_end(store), 0);
	store_close(store);
}

static void open_scene(struct scene *scene)
{
	char state[64];

	strcpy(scene->server.folder, "/tmp/mett-eagle-test-XXXXXX");
	CHECK(mkdtemp(scene->server.folder));
	snprintf(scene->server.socket, sizeof(scene->server.socket), "%s/socket",
	         scene->server.folder);
	snprintf(state, sizeof(state), "%s-records", scene->server.folder);
	fill(state);
	recorder_start(&scene->recorder, &scene->server, "--keep-bytes=1G");
	pause_ms(100);
	scene->fds = count_fds(scene->recorder.pid);
}

/* All rows are there, byte by byte. */
static void check_rows(const struct scene *scene)
{
	struct mett_records_query query = {.name_space = recorder_home(), .limit = ROWS};
	struct mett_records *records;
	struct mett_record row;
	static char log[METT_RECORD_LOG_MAX];

	CHECK_EQ(mett_records_open(scene->server.socket, &query, &records, NULL), 0);
	for (uint64_t id = 1; id <= ROWS; id++) {
		CHECK_EQ(mett_records_next(records, SOON_MS * MS_US, &row, NULL), METT_RECORDS_ROW);
		CHECK_EQ(row.activation, id);
		CHECK_STR(row.error.message, "x\xff\n");
		CHECK_EQ(row.log_size, sizeof(log));
		make_log(id, log);
		CHECK(!memcmp(row.log, log, sizeof(log)));
	}
	CHECK_EQ(mett_records_next(records, SOON_MS * MS_US, &row, NULL), METT_RECORDS_END);
	mett_records_close(records);
}

static void close_scene(struct scene *scene)
{
	check_rows(scene);
	SOON(count_fds(scene->recorder.pid) == scene->fds);
	recorder_stop(&scene->recorder);
	recorder_remove(&scene->recorder);
	CHECK_EQ(rmdir(scene->server.folder), 0);
}

static int knock(const struct scene *scene)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s.records", scene->server.socket);
	CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

TEST_TIMEOUT(rubbish_is_answered_with_what_is_wrong, 300)
{
	char request[2 * QUERY_MAX], answer[512];
	struct scene scene;
	uint64_t state = 3;

	open_scene(&scene);
	for (unsigned i = 0; i < MESSAGES; i++) {
		int fd = knock(&scene);
		size_t size = make_request(&state, request, sizeof(request));

		/* It may hang up on the first, and not read the second. */
		send(fd, request, size, MSG_NOSIGNAL);
		if (fuzz_below(&state, 4) == 0)
			send(fd, request, size, MSG_NOSIGNAL);
		if (fuzz_below(&state, 4))
			CHECK(recv(fd, answer, sizeof(answer), 0) >= 0 || errno == ECONNRESET);
		close(fd);
	}
	close_scene(&scene);
}

TEST_TIMEOUT(who_says_or_reads_nothing_keeps_nobody_out, 120)
{
	static const char all[] = "{\"namespace\":\"u%u\",\"limit\":1000,\"follow\":%s}";
	struct scene scene;
	int fds[SILENT];
	char request[128];

	open_scene(&scene);
	for (unsigned i = 0; i < SILENT; i++) {
		fds[i] = knock(&scene);
		snprintf(request, sizeof(request), all, getuid(), i % 2 ? "true" : "false");
		/* Some ask for far more than their socket takes, and then do not read. */
		if (i % 3)
			send(fds[i], request, strlen(request), MSG_NOSIGNAL);
		if (i % 50 == 0)
			check_rows(&scene);
	}
	for (unsigned i = 0; i < SILENT; i++)
		close(fds[i]);
	close_scene(&scene);
}

/* Whatever is on the disk: what is stored is found, or moved aside, and never kills it. */
TEST_TIMEOUT(a_mutated_database_is_survived, 300)
{
	static unsigned char data[16 << 20];
	const struct store_limits limits = {ROWS, 1 << 30};
	struct scene scene = {0};
	uint64_t state = 5;
	char path[128], why[512];

	strcpy(scene.server.folder, "/tmp/mett-eagle-test-XXXXXX");
	CHECK(mkdtemp(scene.server.folder));
	fill(scene.server.folder);
	snprintf(path, sizeof(path), "%s/records.sqlite", scene.server.folder);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t size = read(fd, data, sizeof(data));
	CHECK(size > 0);
	close(fd);
	for (unsigned i = 0; i < MUTANTS; i++) {
		struct store *store;

		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		CHECK_EQ(write(fd, data, (size_t)size), size);
		for (unsigned j = 0; j < 8; j++) {
			uint64_t value = fuzz_next(&state);

			/* The first pages say what the rest is. */
			CHECK_EQ(pwrite(fd, &value, 8,
			                fuzz_below(&state, i % 2 ? 4096 : (unsigned)size)),
			         8);
		}
		close(fd);
		if (store_open(scene.server.folder, &limits, &store, why, sizeof(why)))
			continue;
		union record_copy copy = {.outcome = {.header = {sizeof(copy.outcome), 1},
		                                      .id = 10000 + i,
		                                      .calls = 1}};
		store_server(store, 1);
		struct space *space = store_space(store, "fuzz", 1);
		for (int tries = 0; tries < 3; tries++)
			if (!store_begin(store)) {
				store_add(store, space, &copy);
				if (!store_end(store))
					break;
			}
		store_close(store);
	}
	char command[160];
	snprintf(command, sizeof(command), "rm -r '%s'", scene.server.folder);
	CHECK_EQ(system(command), 0);
}
