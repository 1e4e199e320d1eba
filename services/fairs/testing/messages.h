// Messages for tests, written as text.
#pragma once

#include <string>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace caravan::fairs::testing {

// A message of protobuf's text format; fails the test where it is none.
template <class T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

}  // namespace caravan::fairs::testing
