#include "core/json.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen {
namespace {

TEST(Json, RefusesWhatTheLibraryLetsThrough) {
  EXPECT_ERROR(parse_json(R"({"a":1,"a":2})", "x"), ErrorKind::input, "x: JSON key \"a\" occurs twice");
  EXPECT_ERROR(parse_json(R"([{"b":{"c":1,"c":2}}])", "x"), ErrorKind::input, "\"c\" occurs twice");
  EXPECT_NO_THROW(parse_json(R"([{"a":1},{"a":2}])", "x"));
  EXPECT_ERROR(parse_json(std::string(100'000, '['), "x"), ErrorKind::input, "nested deeper than 64");
  EXPECT_ERROR(parse_json("{\"a\":\"\xc3\x28\"}", "x"), ErrorKind::input, "not valid JSON");
  EXPECT_ERROR(parse_json("", "x"), ErrorKind::input, "not valid JSON");
  EXPECT_ERROR(parse_json("{} {}", "x"), ErrorKind::input, "not valid JSON");
}

TEST(Json, PythonNumbersAreNull) {
  const Json json = parse_json(R"({"a":-Infinity,"b":NaN,"c":[Infinity],"d":"NaN \" Infinity","e":"\\"})", "x");
  EXPECT_EQ(json, Json({{"a", nullptr}, {"b", nullptr}, {"c", {nullptr}}, {"d", "NaN \" Infinity"}, {"e", "\\"}}));
  EXPECT_ERROR(parse_json("{\"a\":+Infinity}", "x"), ErrorKind::input, "not valid JSON");
}

TEST(JsonObject, ChecksTypesAndRanges) {
  const Json json = parse_json(
      R"({"n":7,"f":1.5,"s":"t","b":true,"l":[1,2],"z":null,"big":18446744073709551615,"mix":[1,"a"]})", "x");
  const JsonObject object(json, "x");
  EXPECT_EQ(object.integer("n", 0, 10), 7);
  EXPECT_EQ(object.integer_or("z", 3, 0, 10), 3);  // null counts as absent
  EXPECT_EQ(object.numbers("l"), (std::vector<double>{1, 2}));
  EXPECT_ERROR(object.integer("n", 0, 6), ErrorKind::input, "key \"n\" is 7; expected an integer from 0 to 6");
  EXPECT_ERROR(object.integer("f", 0, 6), ErrorKind::input, "expected an integer");
  EXPECT_ERROR(object.integer("big", 0, INT64_MAX), ErrorKind::input, "expected an integer");
  EXPECT_ERROR(JsonObject(Json{{"l", {UINT64_MAX}}}, "x").integers("l", -1, 9), ErrorKind::input, "list of integers");
  EXPECT_ERROR(object.string("n"), ErrorKind::input, "expected a string");
  EXPECT_ERROR(object.boolean_or("n", true), ErrorKind::input, "expected true or false");
  EXPECT_ERROR(object.number("s"), ErrorKind::input, "finite number");
  EXPECT_ERROR(object.integers("mix", 0, 9), ErrorKind::input, "list of integers");
  EXPECT_ERROR(object.booleans("l"), ErrorKind::input, "list of true and false");
  EXPECT_ERROR(object.string("none"), ErrorKind::input, "key \"none\" is missing");
  EXPECT_ERROR(JsonObject(json["l"], "x.l"), ErrorKind::input, "x.l: expected a JSON object, found [1,2]");
}

TEST(Json, FilesMustExistAndBeRegular) {
  const test::TempDir dir;
  EXPECT_ERROR(read_json_file(dir / "none.json"), ErrorKind::input, "none.json");
  EXPECT_ERROR(read_json_file(dir.path()), ErrorKind::input, "not a regular file");
}

}  // namespace
}  // namespace soragen
