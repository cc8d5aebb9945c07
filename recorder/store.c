#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "options.h"

enum {
	SCHEMA = 1,
	ROW_BYTES = 256, /* what a row takes besides its texts and log, about */
	NS_US = 1000,
	BUSY_MS = 1000,
};

/*
 * Ids of calls past the server come from where its client can write: what that makes of them
 * must not touch another namespace's records.
 */
static const char schema[] =
	"CREATE TABLE server(server INTEGER PRIMARY KEY, boot TEXT NOT NULL,"
	" started_ns INTEGER NOT NULL, UNIQUE(boot, started_ns));"
	"CREATE TABLE activation(number INTEGER PRIMARY KEY AUTOINCREMENT,"
	" server INTEGER NOT NULL, id INTEGER NOT NULL, namespace TEXT NOT NULL,"
	" action TEXT NOT NULL, version INTEGER NOT NULL, reason INTEGER NOT NULL,"
	" detail INTEGER NOT NULL, error TEXT NOT NULL, calls INTEGER NOT NULL,"
	" caller TEXT NOT NULL, parent INTEGER NOT NULL, depth INTEGER NOT NULL,"
	" begin_us INTEGER NOT NULL, start_worker INTEGER NOT NULL,"
	" start_runtime INTEGER NOT NULL, start_function INTEGER NOT NULL,"
	" end_function INTEGER NOT NULL, end_runtime INTEGER NOT NULL,"
	" end_worker INTEGER NOT NULL, memory INTEGER NOT NULL, log BLOB NOT NULL,"
	" bytes INTEGER NOT NULL, UNIQUE(id, server, namespace));"
	"CREATE TABLE namespace(name TEXT PRIMARY KEY, owner INTEGER NOT NULL);"
	"CREATE INDEX activation_namespace ON activation(namespace, number);"
	"PRAGMA user_version = 1;";

enum statement { BEGIN, COMMIT, ROLLBACK, ADD, MEMORY, TRIM, OTHERS, PURGE, OWN, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[ADD] = "INSERT OR IGNORE INTO activation VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		" ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
	[MEMORY] = "UPDATE activation SET memory = ?3 WHERE id = ?2 AND server = ?1"
		   " AND namespace = ?4",
	[TRIM] = "DELETE FROM activation WHERE number IN (SELECT number FROM activation"
		 " WHERE namespace = ?1 ORDER BY number LIMIT ?2) RETURNING bytes",
	[OTHERS] = "SELECT owner FROM namespace WHERE name = ?1 AND owner <> ?2",
	[PURGE] = "DELETE FROM activation WHERE namespace = ?1",
	[OWN] = "INSERT OR REPLACE INTO namespace VALUES(?1, ?2)",
};

struct space {
	struct space *next;
	char name[METT_NAME_MAX + 1];
	uint64_t count, bytes;
	uint32_t owner;
	bool expected; /* records are to come for it */
	bool owned;    /* the database has that owner */
};

struct store {
	char path[PATH_ROOM + 32];
	struct store_limits limits;
	int lock;
	sqlite3 *database;
	sqlite3_stmt *statement[STATEMENTS];
	struct space *spaces;
	char boot[40];
	uint64_t started_ns; /* of the present server; 0: there was none yet */
	int64_t server;      /* its key; 0: not looked up */
	int result;          /* of the batch: SQLite's first complaint */
	bool complained;     /* of what is wrong since the last batch that went well */
};

/* Time of day less the one clock of all times. */
static int64_t offset_us(void)
{
	struct timespec day, one;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_MONOTONIC, &one);
	return (int64_t)(day.tv_sec - one.tv_sec) * 1000000 + (day.tv_nsec - one.tv_nsec) / NS_US;
}

static void read_boot(struct store *store)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, store->boot, sizeof(store->boot) - 1);

	if (fd >= 0)
		close(fd);
	store->boot[size < 0 ? 0 : size] = 0;
	store->boot[strcspn(store->boot, "\n")] = 0;
}

static bool is_damage(int result)
{
	return (result & 0xff) == SQLITE_CORRUPT || (result & 0xff) == SQLITE_NOTADB;
}

static void close_database(struct store *store)
{
	for (unsigned i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(store->statement[i]);
		store->statement[i] = NULL;
	}
	sqlite3_close_v2(store->database);
	store->database = NULL;
	store->server = 0;
}

/* One number of the first row, or @otherwise. */
static int ask(struct store *store, const char *text, int64_t *ret)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(store->database, text, -1, &statement, NULL);

	if (result)
		return result;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

static int run(struct store *store, const char *text)
{
	return sqlite3_exec(store->database, text, NULL, NULL, NULL);
}

/* Does it read through, and as one of ours? */
static int check_whole(struct store *store)
{
	sqlite3_stmt *statement;
	int result =
		sqlite3_prepare_v2(store->database, "PRAGMA quick_check(1)", -1, &statement, NULL);

	if (result)
		return result;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		result = strcmp((const char *)sqlite3_column_text(statement, 0), "ok")
		                 ? SQLITE_CORRUPT
		                 : SQLITE_OK;
	sqlite3_finalize(statement);
	return result;
}

static int prepare(struct store *store)
{
	int64_t version = 0;
	int result = check_whole(store);

	if (!result)
		result = ask(store, "PRAGMA user_version", &version);
	if (!result && version == 0)
		result = run(store, schema);
	else if (!result && version != SCHEMA)
		result = SQLITE_MISMATCH;
	for (unsigned i = 0; !result && i < STATEMENTS; i++)
		result = sqlite3_prepare_v3(store->database, texts[i], -1,
		                            SQLITE_PREPARE_PERSISTENT, &store->statement[i], NULL);
	/* What is in the way of our statements is no database of ours. */
	return result == SQLITE_ERROR ? SQLITE_CORRUPT : result;
}

static struct space *space_of(struct store *store, const char *name)
{
	struct space *space = store->spaces;

	while (space && strcmp(space->name, name))
		space = space->next;
	if (space)
		return space;
	space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	strncpy(space->name, name, METT_NAME_MAX);
	space->next = store->spaces;
	return store->spaces = space;
}

static int take_count(void *data, int columns, char **values, char **names)
{
	struct space *space = space_of(data, values[0]);

	if (space) {
		space->count = strtoull(values[1], NULL, 10);
		space->bytes = strtoull(values[2], NULL, 10);
	}
	return space == NULL;
}

/* How much there is of each namespace. */
static int count_all(struct store *store)
{
	for (struct space *space = store->spaces; space; space = space->next)
		space->count = space->bytes = 0, space->owned = false;
	return sqlite3_exec(store->database,
	                    "SELECT namespace, count(*), sum(bytes) FROM activation"
	                    " GROUP BY namespace",
	                    take_count, store, NULL);
}

static int open_database(struct store *store)
{
	int result = sqlite3_open_v2(store->path, &store->database,
	                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	                                     SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	                             NULL);

	if (!result)
		result = sqlite3_busy_timeout(store->database, BUSY_MS);
	/* Who reads it with other tools does not stop us, nor do we wait for the disk each time. */
	if (!result)
		result = run(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		                    "PRAGMA journal_size_limit = 4194304;"
		                    "PRAGMA trusted_schema = OFF");
	if (!result)
		result = prepare(store);
	if (!result)
		result = count_all(store);
	return result;
}

/* The parts of a database that go together. */
static void move_aside(struct store *store)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char from[sizeof(store->path) + 8], to[sizeof(from) + 32];

	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		fmt_format(from, sizeof(from), "{}{}", store->path, parts[i]);
		fmt_format(to, sizeof(to), "{}.damaged-{}{}", store->path, (int64_t)time(NULL),
		           parts[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			log_error("cannot move {} aside: {}", from, strerror(errno));
		else if (i == 0)
			log_error("{} was damaged and is now {}; a new one is begun", from, to);
	}
}

static int open_whole(struct store *store)
{
	int result = open_database(store);

	if (!is_damage(result))
		return result;
	close_database(store);
	move_aside(store);
	return open_database(store);
}

static int make_folder(const char *folder)
{
	char path[PATH_ROOM];

	fmt_format(path, sizeof(path), "{}", folder);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int take_lock(const char *folder)
{
	char path[PATH_ROOM + 32];
	int error;

	fmt_format(path, sizeof(path), "{}/records.lock", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	error = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return error;
}

static int explain(struct store *store, const char *folder, int error, char *why, size_t size)
{
	if (error == -EBUSY)
		fmt_format(why, size,
		           "cannot keep records in {}: another recorder does; stop it, "
		           "or choose another --state",
		           folder);
	else if (error == -EPROTO)
		fmt_format(why, size,
		           "cannot keep records in {}: a newer mett-recorder has "
		           "written {}; run that, or move the file away",
		           folder, store->path);
	else if (store && store->database)
		fmt_format(why, size, "cannot open {}: {}", store->path,
		           sqlite3_errmsg(store->database));
	else
		fmt_format(why, size, "cannot keep records in {}: {}; choose another --state",
		           folder, strerror(-error));
	return error;
}

int store_open(const char *folder, const struct store_limits *limits, struct store **ret, char *why,
               size_t size)
{
	struct store *store = calloc(1, sizeof(*store));
	int error, result;

	if (!store)
		return explain(NULL, folder, -ENOMEM, why, size);
	store->limits = *limits;
	fmt_format(store->path, sizeof(store->path), "{}/records.sqlite", folder);
	read_boot(store);
	umask(0077);
	error = make_folder(folder);
	if (!error)
		error = store->lock = take_lock(folder);
	if (error < 0) {
		explain(NULL, folder, error, why, size);
		free(store);
		return error;
	}
	result = open_whole(store);
	if (result) {
		error = result == SQLITE_MISMATCH ? -EPROTO : -EIO;
		explain(store, folder, error, why, size);
		store_close(store);
		return error;
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close_database(store);
	close(store->lock);
	while (store->spaces) {
		struct space *next = store->spaces->next;

		free(store->spaces);
		store->spaces = next;
	}
	free(store);
}

void store_server(struct store *store, uint64_t started_ns)
{
	store->started_ns = started_ns;
	store->server = 0;
}

struct space *store_space(struct store *store, const char *name, uint32_t owner)
{
	struct space *space = space_of(store, name);

	if (!space)
		return NULL;
	space->owned &= space->owner == owner;
	space->owner = owner;
	space->expected = true;
	return space;
}

static void note(struct store *store, int result)
{
	if (!store->result && result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW)
		store->result = result;
}

/* Take a statement without rows to its end. */
static void step(struct store *store, enum statement which)
{
	if (!store->result)
		note(store, sqlite3_step(store->statement[which]));
	sqlite3_reset(store->statement[which]);
}

/* The key of the present server, made when it is first needed. */
static void look_up_server(struct store *store)
{
	char text[256];

	if (store->server || store->result)
		return;
	fmt_format(text, sizeof(text), "INSERT OR IGNORE INTO server VALUES(NULL, '{}', {})",
	           store->boot, store->started_ns);
	note(store, run(store, text));
	fmt_format(text, sizeof(text),
	           "SELECT server FROM server WHERE boot = '{}' AND started_ns = {}", store->boot,
	           store->started_ns);
	if (!store->result)
		note(store, ask(store, text, &store->server));
}

static bool is_others(struct store *store, const char *name, uint32_t owner)
{
	sqlite3_stmt *others = store->statement[OTHERS];

	sqlite3_bind_text(others, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(others, 2, owner);
	int result = sqlite3_step(others);
	note(store, result);
	sqlite3_reset(others);
	return result != SQLITE_DONE;
}

/* A name that was given up is another's now: what happened before is none of that one's business.
 */
static void own(struct store *store, struct space *space)
{
	if (store->result || space->owned || !space->expected)
		return;
	if (is_others(store, space->name, space->owner)) {
		sqlite3_bind_text(store->statement[PURGE], 1, space->name, -1, SQLITE_STATIC);
		step(store, PURGE);
		space->count = space->bytes = 0;
	}
	sqlite3_bind_text(store->statement[OWN], 1, space->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(store->statement[OWN], 2, space->owner);
	step(store, OWN);
	space->owned = !store->result;
}

bool store_owned(struct store *store, const char *name, uint32_t owner)
{
	store->result = SQLITE_OK;
	return store->database && !is_others(store, name, owner);
}

int store_begin(struct store *store)
{
	store->result = SQLITE_OK;
	if (!store->database)
		note(store, open_whole(store));
	step(store, BEGIN);
	look_up_server(store);
	for (struct space *space = store->spaces; space; space = space->next)
		own(store, space);
	return store->result ? store_end(store) : 0;
}

static void bind_texts(sqlite3_stmt *add, const struct space *space, const struct record *record)
{
	const char *text = (const char *)(record + 1);

	sqlite3_bind_text(add, 3, space->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(add, 4, record->action, -1, SQLITE_STATIC);
	sqlite3_bind_text(add, 8, text, (int)record->text_size, SQLITE_STATIC);
	sqlite3_bind_text(add, 10, record->caller, -1, SQLITE_STATIC);
	sqlite3_bind_blob(add, 21, text + record->text_size, (int)record->log_size, SQLITE_STATIC);
	/* Of no bytes it would be NULL. */
	if (!record->log_size)
		sqlite3_bind_zeroblob(add, 21, 0);
}

static void add_outcome(struct store *store, struct space *space, const struct record *record)
{
	sqlite3_stmt *add = store->statement[ADD];
	const struct mett_metadata *times = &record->times;
	uint64_t bytes = ROW_BYTES + record->text_size + record->log_size;
	int64_t numbers[][2] = {
		{1, store->server},
		{2, (int64_t)record->id},
		{5, record->version},
		{6, record->reason},
		{7, record->detail},
		{9, (int64_t)record->calls},
		{11, (int64_t)record->parent},
		{12, record->depth},
		{13, (int64_t)(times->start_worker / NS_US) + offset_us()},
		{14, (int64_t)times->start_worker},
		{15, (int64_t)times->start_runtime},
		{16, (int64_t)times->start_function},
		{17, (int64_t)times->end_function},
		{18, (int64_t)times->end_runtime},
		{19, (int64_t)times->end_worker},
		{20, (int64_t)record->memory},
		{22, (int64_t)bytes},
	};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sqlite3_bind_int64(add, (int)numbers[i][0], numbers[i][1]);
	bind_texts(add, space, record);
	step(store, ADD);
	if (store->result || !sqlite3_changes(store->database))
		return;
	space->count++;
	space->bytes += bytes;
}

static void add_memory(struct store *store, const struct space *space,
                       const struct record_memory *record)
{
	sqlite3_bind_int64(store->statement[MEMORY], 1, store->server);
	sqlite3_bind_int64(store->statement[MEMORY], 2, (int64_t)record->id);
	sqlite3_bind_int64(store->statement[MEMORY], 3, (int64_t)record->memory);
	sqlite3_bind_text(store->statement[MEMORY], 4, space->name, -1, SQLITE_STATIC);
	step(store, MEMORY);
}

void store_add(struct store *store, struct space *space, const union record_copy *copy)
{
	if (store->result)
		return;
	if (copy->header.kind == RECORD_OUTCOME)
		add_outcome(store, space, &copy->outcome);
	else
		add_memory(store, space, &copy->memory);
}

/* The oldest go, in steps, until the rest is within its limits. */
static void trim(struct store *store, struct space *space)
{
	sqlite3_stmt *statement = store->statement[TRIM];
	const struct store_limits *limits = &store->limits;

	while (!store->result && space->count &&
	       (space->count > limits->count || space->bytes > limits->bytes)) {
		uint64_t before = space->count;
		uint64_t more = space->count > limits->count ? space->count - limits->count : 1;
		int result;

		sqlite3_bind_text(statement, 1, space->name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, (int64_t)more);
		while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
			uint64_t bytes = (uint64_t)sqlite3_column_int64(statement, 0);

			space->count -= space->count > 0;
			space->bytes -= bytes < space->bytes ? bytes : space->bytes;
		}
		note(store, result);
		sqlite3_reset(statement);
		if (!store->result && space->count == before) {
			note(store, count_all(store)); /* somebody else took them away */
			return;
		}
	}
}

/* Say so once, and get ready to try again. */
static void fail(struct store *store)
{
	int result = store->result;

	if (!store->complained)
		log_error("cannot store records in {}: {}; they wait", store->path,
		          store->database ? sqlite3_errmsg(store->database)
		                          : sqlite3_errstr(result));
	store->complained = true;
	if (is_damage(result)) {
		close_database(store);
		move_aside(store);
		return;
	}
	if (!store->database)
		return;
	if (!sqlite3_get_autocommit(store->database))
		sqlite3_step(store->statement[ROLLBACK]);
	sqlite3_reset(store->statement[ROLLBACK]);
	store->server = 0; /* its row may be what is rolled back */
	/* Then the next batch begins with another try to open it. */
	if (count_all(store) || !store->statement[TRIM])
		close_database(store);
}

int store_end(struct store *store)
{
	for (struct space *space = store->spaces; space && !store->result; space = space->next)
		trim(store, space);
	step(store, COMMIT);
	if (store->result) {
		fail(store);
		return -EAGAIN;
	}
	if (store->complained)
		log_info("records are stored again");
	store->complained = false;
	return 0;
}

sqlite3 *store_database(struct store *store)
{
	return store->database;
}
