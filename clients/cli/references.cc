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

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

std::string TypeOf(const FieldDescriptor& field) {
  if (!field.options().HasExtension(google::api::resource_reference)) return "";
  return field.options().GetExtension(google::api::resource_reference).type();
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

// For each resource, the numbers of those that it refers to or lives in; it is
// asked for by its own number, counted through all collections.
class Graph {
 public:
  explicit Graph(const std::vector<Resources>& resources) {
    for (const auto& part : resources) {
      for (const auto& resource : part.all) {
        numbers_.emplace(StringField(*resource, "name"), static_cast<int>(nodes_.size()));
        nodes_.push_back({part.collection, resource.get()});
      }
    }
  }

  int size() const { return static_cast<int>(nodes_.size()); }
  const Ordered& node(int number) const { return nodes_[number]; }

  std::vector<int> Before(int number) const {
    const Message& resource = *nodes_[number].resource;
    std::set<std::string> names;
    AddNames(resource, &names);
    // `fairs/x/halls/y` lives in `fairs/x`.
    const std::string name = StringField(resource, "name");
    const size_t id = name.rfind('/');
    const size_t collection = id == std::string::npos || id == 0 ? id : name.rfind('/', id - 1);
    if (collection != std::string::npos) names.insert(name.substr(0, collection));
    std::vector<int> before;
    for (const auto& other : names) {
      const auto found = numbers_.find(other);
      if (found != numbers_.end() && found->second != number) before.push_back(found->second);
    }
    return before;
  }

 private:
  std::vector<Ordered> nodes_;
  std::map<std::string, int> numbers_;
};

}  // namespace

std::vector<const Collection*> CollectionsInOrder(const std::vector<Resources>& resources) {
  const Graph graph(resources);
  std::map<const Collection*, int> numbers;
  for (const auto& part : resources) {
    numbers.emplace(part.collection, static_cast<int>(numbers.size()));
  }
  // By what refers to what in fact: by their contracts, too many could refer to
  // one another.
  std::vector<std::set<int>> before(resources.size());
  for (int i = 0; i < graph.size(); ++i) {
    const int own = numbers[graph.node(i).collection];
    for (const int other : graph.Before(i))
      before[own].insert(numbers[graph.node(other).collection]);
  }
  std::vector<const Collection*> result;
  for (const int i : Sorted(static_cast<int>(resources.size()), [&](int node) {
         return std::vector<int>(before[node].begin(), before[node].end());
       })) {
    result.push_back(resources[i].collection);
  }
  return result;
}

std::vector<Ordered> InOrderOfReferences(const std::vector<Resources>& resources) {
  const Graph graph(resources);
  std::vector<Ordered> result;
  for (const int i : Sorted(graph.size(), [&](int node) { return graph.Before(node); })) {
    result.push_back(graph.node(i));
  }
  return result;
}

}  // namespace caravan::cli
