#include "services/fairs/names.h"

namespace caravan::fairs {

std::string_view LastSegment(std::string_view name) {
  return name.substr(name.rfind('/') + 1);  // npos + 1 is 0
}

std::string_view EditionOf(std::string_view name) {
  const size_t collection = name.find('/');
  if (collection == std::string_view::npos) return name;
  return name.substr(0, name.find('/', collection + 1));
}

}  // namespace caravan::fairs
