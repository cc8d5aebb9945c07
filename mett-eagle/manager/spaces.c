#include "spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "state.h"

bool spaces_home(const char *name, uint32_t *ret_user)
{
	size_t digits = *name == 'u' ? strspn(name + 1, "0123456789") : 0;
	uint64_t user = 0;

	/* There is but one way to write it. */
	if (!digits || digits > 10 || name[1 + digits] || (digits > 1 && name[1] == '0'))
		return false;
	for (const char *c = name + 1; *c; c++)
		user = user * 10 + (uint64_t)(*c - '0');
	*ret_user = (uint32_t)user;
	return user < UINT32_MAX;
}

static struct space *add(struct server *server, const char *name, uint32_t owner)
{
	struct space *space = NULL;

	if (table_reserve(&server->spaces->table) || !(space = space_new(server, name, owner)))
		return NULL;
	table_add(&server->spaces->table, space);
	return space;
}

/* Where a space's own record is missing, and it is nobody's home, root may see to it. */
static struct space *space_of(struct server *server, const char *name)
{
	struct space *space = table_find(&server->spaces->table, name);
	uint32_t owner = 0;

	if (space)
		return space;
	if (!spaces_home(name, &owner))
		log_warn("namespace '{}': its record is missing; it is root's from now on", name);
	return add(server, name, owner);
}

static int load_space(struct server *server, const char *name, const void *data, size_t size)
{
	struct space_record record;
	int error = state_read_space(data, size, &record);

	if (error)
		return error;
	struct space *space = add(server, name, record.owner);
	if (!space)
		return -ENOMEM;
	state_to_space(&record, space);
	return 0;
}

static int load_action(struct server *server, const char *name, const char *key, const void *data,
                       size_t size)
{
	struct space *space = space_of(server, name);
	struct deployed *deployed = space ? deployed_new(space, key) : NULL;

	if (!deployed || table_reserve(&space->actions)) {
		deployed_unref(deployed);
		return -ENOMEM;
	}
	int error = state_read_action(server, data, size, &deployed->lineup);
	if (error) {
		deployed_unref(deployed);
		return error;
	}
	table_add(&space->actions, deployed);
	quota_add(&space->quota, QUOTA_ACTIONS, 1);
	return 0;
}

static int load_one(void *context, const char *space, const char *key, const void *data,
                    size_t size)
{
	return *key ? load_action(context, space, key, data, size)
	            : load_space(context, space, data, size);
}

/* All programs of some spaces, in order, to be searched. */
struct codes {
	const struct version **version;
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp((*(const struct version **)a)->digest, (*(const struct version **)b)->digest);
}

static void codes_add(struct codes *codes, const struct space *space)
{
	for (unsigned i = 0; i < space->actions.count; i++) {
		const struct lineup *lineup =
			&((const struct deployed *)space->actions.row[i])->lineup;

		for (unsigned k = 0; k < lineup->count; k++)
			codes->version[codes->count++] = lineup->versions[k];
	}
}

static int is_wanted(void *context, const char *digest)
{
	const struct codes *codes = context;
	struct version key, *key_at = &key;

	strcpy(key.digest, digest);
	return bsearch(&key_at, codes->version, codes->count, sizeof(*codes->version), compare) !=
	       NULL;
}

/* Each program counts once in a space. */
static void count_code(struct codes *codes, struct space *space)
{
	codes->count = 0;
	codes_add(codes, space);
	qsort(codes->version, codes->count, sizeof(*codes->version), compare);
	for (size_t i = 0; i < codes->count; i++)
		if (!i || compare(&codes->version[i - 1], &codes->version[i]))
			quota_add(&space->quota, QUOTA_CODE, codes->version[i]->size);
}

/*
 * What is not known to be needed goes; what was begun and never acknowledged is among it. Not
 * when a record could not be read: nobody knows what that one needs, or whether it comes back.
 */
static void tidy_up(struct server *server, struct codes *codes, int unseen)
{
	if (unseen) {
		log_warn("state: {} records are not what they should be, see above; no program is "
		         "removed, as they may need it",
		         unseen);
		return;
	}
	qsort(codes->version, codes->count, sizeof(*codes->version), compare);
	int dropped = sys_store_sweep_code(server->config.store, is_wanted, codes);
	if (dropped < 0)
		log_warn("state: cannot tidy up: {}", strerror(-dropped));
}

static int count_codes(struct server *server, int unseen)
{
	const struct table *table = &server->spaces->table;
	struct codes codes = {0};
	size_t actions = 0;

	for (unsigned i = 0; i < table->count; i++)
		actions += ((struct space *)table->row[i])->actions.count;
	codes.version = malloc((actions * METT_VERSIONS_MAX + 1) * sizeof(*codes.version));
	if (!codes.version)
		return -ENOMEM;
	for (unsigned i = 0; i < table->count; i++)
		count_code(&codes, table->row[i]);
	codes.count = 0;
	for (unsigned i = 0; i < table->count; i++)
		codes_add(&codes, table->row[i]);
	tidy_up(server, &codes, unseen);
	free(codes.version);
	log_info("state: actions: {}, namespaces: {}", actions, table->count);
	return 0;
}

int spaces_new(struct server *server)
{
	int error = 0;

	server->spaces = calloc(1, sizeof(*server->spaces));
	if (!server->spaces)
		return -ENOMEM;
	pthread_mutex_init(&server->spaces->mutex, NULL);
	if (server->config.store)
		error = sys_store_each(server->config.store, load_one, server);
	if (error >= 0 && server->config.store)
		error = count_codes(server, error);
	return error;
}

void spaces_free(struct spaces *spaces)
{
	if (!spaces)
		return;
	for (unsigned i = 0; i < spaces->table.count; i++)
		space_free(spaces->table.row[i]);
	table_deinit(&spaces->table);
	pthread_mutex_destroy(&spaces->mutex);
	free(spaces);
}

static void lock(struct server *server)
{
	pthread_mutex_lock(&server->spaces->mutex);
}

static void unlock(struct server *server)
{
	pthread_mutex_unlock(&server->spaces->mutex);
}

#define REFUSE(reason_, ...)                                                                       \
	do {                                                                                       \
		fmt_format(why, METT_MESSAGE_MAX, __VA_ARGS__);                                    \
		return (reason_);                                                                  \
	} while (0)

/* With the lock: the one that is there, or a home that comes to be. */
static enum mett_reason find_or_make(struct server *server, const char *name, uint32_t user,
                                     struct space **ret, char *why)
{
	struct space *space = table_find(&server->spaces->table, name);
	uint32_t owner;

	*ret = space;
	if (space)
		return METT_OK;
	if (!spaces_home(name, &owner))
		REFUSE(METT_NO_NAMESPACE, "there is no namespace '{}'; create it first", name);
	if (owner != user)
		REFUSE(METT_DENIED, "namespace '{}' is the home of user {}; you are user {}", name,
		       owner, user);
	*ret = add(server, name, owner);
	if (!*ret)
		REFUSE(METT_NO_MEMORY, "namespace '{}': the server has no memory; try later", name);
	return METT_OK;
}

enum mett_reason spaces_enter(struct server *server, const char *name, uint32_t user,
                              struct space **ret, char *why)
{
	struct space *space;

	if (!server->config.store && *server->config.no_store)
		REFUSE(METT_NO_STATE, "namespace '{}': {}", name, server->config.no_store);
	lock(server);
	enum mett_reason reason = find_or_make(server, name, user, &space, why);
	if (!reason)
		space->holders++;
	unlock(server);
	if (reason)
		return reason;
	if (!space_admits(space, user)) {
		spaces_release(space);
		REFUSE(METT_DENIED, "namespace '{}' is not open to user {}; ask its owner, user {}",
		       name, user, space->owner);
	}
	*ret = space;
	return METT_OK;
}

#undef REFUSE

struct space *spaces_find(struct server *server, const char *name)
{
	lock(server);
	struct space *space = table_find(&server->spaces->table, name);
	if (space)
		space->holders++;
	unlock(server);
	return space;
}

struct space *spaces_after(struct server *server, const char *name, uint32_t user)
{
	struct table *table = &server->spaces->table;
	struct space *found = NULL;

	lock(server);
	for (unsigned i = table_after(table, name); i < table->count && !found; i++)
		if (space_admits(table->row[i], user))
			found = table->row[i];
	if (found)
		found->holders++;
	unlock(server);
	return found;
}

struct space *spaces_hold(struct space *space)
{
	lock(space->server);
	space->holders++;
	unlock(space->server);
	return space;
}

void spaces_release(struct space *space)
{
	struct server *server = space->server;

	lock(server);
	bool last = !--space->holders;
	/* Nobody is left who could change it. */
	bool ends = last && (space->gone || (!space->kept && !space->actions.count));
	if (ends && !space->gone)
		table_remove(&server->spaces->table, space);
	unlock(server);
	if (ends)
		space_free(space);
}

bool spaces_add(struct space *space)
{
	struct server *server = space->server;

	lock(server);
	bool fits = !table_reserve(&server->spaces->table);
	if (fits) {
		table_add(&server->spaces->table, space);
		space->holders++;
	}
	unlock(server);
	return fits;
}

void spaces_remove(struct space *space)
{
	lock(space->server);
	table_remove(&space->server->spaces->table, space);
	space_lock(space);
	space->gone = true;
	space_unlock(space);
	unlock(space->server);
}

unsigned spaces_made(struct server *server, const uint32_t *owner)
{
	unsigned count = 0;
	uint32_t home;

	lock(server);
	for (unsigned i = 0; i < server->spaces->table.count; i++) {
		const struct space *space = server->spaces->table.row[i];

		count += (!owner || space->owner == *owner) && !spaces_home(space->name, &home);
	}
	unlock(server);
	return count;
}

bool spaces_need(struct server *server, const char *digest)
{
	bool needed = false;

	lock(server);
	for (unsigned i = 0; i < server->spaces->table.count && !needed; i++)
		needed = space_has(server->spaces->table.row[i], digest, NULL);
	unlock(server);
	return needed;
}
