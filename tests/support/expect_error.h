// EXPECT_ERROR(statement, kind, "part of the message"): the statement throws soragen::Error of that kind.
#pragma once

#include <gtest/gtest.h>

#include "soragen/error.h"

#define EXPECT_ERROR(statement, expected_kind, part)                                    \
  try {                                                                                 \
    statement;                                                                          \
    ADD_FAILURE() << #statement " did not throw";                                       \
  } catch (const ::soragen::Error& error) {                                             \
    EXPECT_EQ(error.kind(), expected_kind) << error.what();                             \
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what(); \
  }
