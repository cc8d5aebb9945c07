#pragma once

/* List: a ring of links, each embedded in what is listed. A lone link is an empty list. */
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *previous;
};

#define LIST_ENTRY(link_, type_, member_) ((type_ *)((char *)(link_)-offsetof(type_, member_)))

#define list_for_each(link_, list_)                                                                \
	for (struct list *link_ = (list_)->next, *next_ = link_->next; link_ != (list_);           \
	     link_ = next_, next_ = link_->next)

static inline void list_init(struct list *list)
{
	list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_append(struct list *list, struct list *link)
{
	link->previous = list->previous;
	link->next = list;
	list->previous->next = link;
	list->previous = link;
}

/* The link is an empty list afterwards, so it can be removed again. */
static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}
