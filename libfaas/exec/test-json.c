#include "json.h"

#include "test.h"

#include <string.h>

static enum json_kind look(const char *text)
{
	return json_look(text, strlen(text), NULL);
}

TEST(values_are_known)
{
	const char *const others[] = {"0",    "-1.5e+7", "1E9",       "true",           " null ",
	                              "\"\"", "[]",      "[ 1 , 2 ]", "\"\\u00e4\\n\"", "[[],{}]",
	                              "\"{\""};
	const char *const objects[] = {"{}", " {\n}\t", "{\"a\":1}",
	                               "{\"a\" : [ {} ] , \"b\":null}"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (look(others[i]) != JSON_OTHER)
			test_fail(__FILE__, __LINE__, "%s", others[i]);
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
		if (look(objects[i]) != JSON_OBJECT)
			test_fail(__FILE__, __LINE__, "%s", objects[i]);
}

TEST(all_else_is_none)
{
	const char *const none[] = {"",     " ",     "{",       "}",           "{}{}",
	                            "{} x", "{a:1}", "{\"a\"}", "{\"a\":}",    "{\"a\":1,}",
	                            "[1,]", "[1 2]", "01",      "1.",          "-",
	                            "1e",   "\"",    "\"\\x\"", "\"\\u00g0\"", "\"\n\"",
	                            "tru",  "nul",   "'a'",     "{,}"};

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (look(none[i]) != JSON_NONE)
			test_fail(__FILE__, __LINE__, "%s", none[i]);
	/* A zero is a byte like others that do not belong there. */
	CHECK_EQ(json_look("{}\0", 3, NULL), JSON_NONE);
	CHECK_EQ(json_look("\"a", 2, NULL), JSON_NONE);
}

TEST(depth_is_limited)
{
	char text[2 * JSON_DEPTH_MAX + 2];

	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	CHECK_EQ(json_look(text, 2 * JSON_DEPTH_MAX + 2, NULL), JSON_NONE);
	CHECK_EQ(json_look(text + 1, 2 * JSON_DEPTH_MAX, NULL), JSON_OTHER);
}

static void expect_error(const char *text, const char *error)
{
	struct json_part part;

	CHECK_EQ(json_look(text, strlen(text), &part), JSON_OBJECT);
	CHECK_EQ(part.size, strlen(error));
	CHECK(!part.size || !memcmp(part.data, error, part.size));
}

TEST(the_member_error_is_found)
{
	expect_error("{}", "");
	expect_error("{\"error\": \"no\"}", "\"no\"");
	expect_error("{\"a\":{\"error\":1},\"error\" : {\"b\":[]} }", "{\"b\":[]}");
	expect_error("{\"a\":{\"error\":1}}", "");
	expect_error("{\"a\":\"error\"}", "");
}
