#include "clients/cli/references.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "clients/cli/value.h"
#include "google/api/resource.pb.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

std::string TypeOf(const FieldDescriptor& field) {
  if (!field.options().HasExtension(google::api::resource_reference)) return "";
  return field.options().GetExtension(google::api::resource_reference).type();
}

// The types that a message refers to, in itself and in the messages within.
void AddTypes(const Descriptor& type, std::set<const Descriptor*>* seen,
              std::set<std::string>* types) {
  if (!seen->insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (const std::string named = TypeOf(field); !named.empty()) types->insert(named);
    if (field.message_type() != nullptr) AddTypes(*field.message_type(), seen, types);
  }
}

// The names that a message refers to.
void AddNames(const Message& message, std::set<std::string>* names) {
  const auto* r = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  r->ListFields(message, &fields);
  for (const auto* field : fields) {
    const int size = field->is_repeated() ? r->FieldSize(message, field) : 1;
    const bool refers =
        field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !TypeOf(*field).empty();
    for (int i = 0; i < size; ++i) {
      if (refers) {
        names->insert(field->is_repeated() ? r->GetRepeatedString(message, field, i)
                                           : r->GetString(message, field));
      } else if (field->message_type() != nullptr) {
        AddNames(field->is_repeated() ? r->GetRepeatedMessage(message, field, i)
                                      : r->GetMessage(message, field),
                 names);
      }
    }
  }
}

// 0, 1, ..., `count` - 1 so that each comes after those that `before` names.
std::vector<int> Sorted(int count, const std::function<std::vector<int>(int)>& before) {
  std::vector<int> sorted;
  std::vector<bool> seen(count);
  // A stack of our own: a chain may be as long as the collection.
  struct Visit {
    int node;
    std::vector<int> open;
  };
  for (int root = 0; root < count; ++root) {
    std::vector<Visit> stack;
    const auto enter = [&](int node) {
      if (seen[node]) return;
      seen[node] = true;
      std::vector<int> open = before(node);
      std::reverse(open.begin(), open.end());
      stack.push_back({node, std::move(open)});
    };
    enter(root);
    while (!stack.empty()) {
      if (stack.back().open.empty()) {
        sorted.push_back(stack.back().node);
        stack.pop_back();
        continue;
      }
      const int next = stack.back().open.back();
      stack.back().open.pop_back();
      enter(next);
    }
  }
  return sorted;
}

// Whether the resources of one collection live in those of another.
bool LivesIn(const Collection& collection, const Collection& other) {
  for (const std::string& pattern : collection.patterns) {
    for (const std::string& outer : other.patterns) {
      if (pattern.rfind(outer + "/", 0) == 0) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<const Collection*> InOrderOfReferences(std::vector<const Collection*> collections) {
  std::sort(collections.begin(), collections.end(),
            [](const Collection* a, const Collection* b) { return a->id < b->id; });
  const int count = static_cast<int>(collections.size());
  const auto order = Sorted(count, [&](int node) {
    std::set<const Descriptor*> seen;
    std::set<std::string> types;
    AddTypes(*collections[node]->message, &seen, &types);
    std::vector<int> before;
    for (int i = 0; i < count; ++i) {
      if (i == node) continue;
      if (types.contains(collections[i]->type) || LivesIn(*collections[node], *collections[i])) {
        before.push_back(i);
      }
    }
    return before;
  });
  std::vector<const Collection*> result;
  for (const int i : order) result.push_back(collections[i]);
  return result;
}

void OrderByReferences(const Collection& collection,
                       std::vector<std::unique_ptr<Message>>* resources) {
  std::set<const Descriptor*> seen;
  std::set<std::string> types;
  AddTypes(*collection.message, &seen, &types);
  if (!types.contains(collection.type)) return;
  std::map<std::string, int> numbers;
  for (const auto& resource : *resources) {
    numbers.emplace(StringField(*resource, "name"), static_cast<int>(numbers.size()));
  }
  const auto order = Sorted(static_cast<int>(resources->size()), [&](int node) {
    std::set<std::string> names;
    AddNames(*(*resources)[node], &names);
    std::vector<int> before;
    for (const auto& name : names) {
      const auto found = numbers.find(name);
      if (found != numbers.end() && found->second != node) before.push_back(found->second);
    }
    return before;
  });
  std::vector<std::unique_ptr<Message>> result;
  for (const int i : order) result.push_back(std::move((*resources)[i]));
  *resources = std::move(result);
}

}  // namespace caravan::cli
