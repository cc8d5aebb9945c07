# What our packages have in common when L4Re's build system builds them; see doc/l4re.md.
CFLAGS_C99 = -std=gnu17
WARNINGS   = -Wall
# moe looks at each page of a window that is cleared: 0.14 ms with room for 4 MiB each way.
CPPFLAGS  += -D_GNU_SOURCE -DMETT_WINDOW_ROOM=262144

# The sources of a folder without their tests.
sources = $(filter-out test-%,$(notdir $(wildcard $(1)/*.c)))
