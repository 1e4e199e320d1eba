#include "services/common/rpc/comments.h"

#include <map>

namespace caravan::rpc {
namespace {

// Filled before main, and only read afterwards.
std::map<std::string, std::string_view, std::less<>>& Registered() {
  static auto* const kRegistered = new std::map<std::string, std::string_view, std::less<>>();
  return *kRegistered;
}

}  // namespace

bool RegisterComments(std::string_view file, std::string_view source_code_info) {
  Registered().emplace(file, source_code_info);
  return true;
}

std::string_view CommentsOf(std::string_view file) {
  const auto found = Registered().find(file);
  return found == Registered().end() ? std::string_view() : found->second;
}

}  // namespace caravan::rpc
