#include "services/fairs/placement_layout.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace caravan::fairs {
namespace {

// Above so many comparisons, groups follow each other in their order instead.
constexpr int64_t kMaxGroupSteps = 50'000'000;

// A place for a stand in a space.
struct Slot {
  int64_t size = 1;
  bool corner = false;
  bool movable = false;  // may change places with other movable ones of the space
  size_t stand = 0;
};

// Slots of a size, at corners or not: which of its stands takes which of them does
// not matter but for groups.
using Kind = std::map<size_t, std::vector<size_t>>;  // by group: stands, the first in order last

class Arranger {
 public:
  Arranger(const std::vector<FreeSpace>& spaces, const std::vector<Stand>& stands)
      : spaces_(spaces), stands_(stands), slots_(spaces.size()) {}

  std::vector<StandPosition> Run() {
    GiveCorners();
    for (size_t s = 0; s < spaces_.size(); ++s) LineUp(s);
    MakeKinds();
    FillSlots();
    std::vector<StandPosition> positions(stands_.size());
    for (size_t s = 0; s < spaces_.size(); ++s) {
      Order(s);
      int64_t cell = 0;
      for (size_t i = 0; i < slots_[s].size(); ++i) {
        if (i == gaps_[s]) cell += Gap(s);
        positions[slots_[s][i].stand] = {s, cell};
        cell += slots_[s][i].size;
      }
    }
    return positions;
  }

 private:
  bool LeftCorner(size_t s) const {
    return !spaces_[s].corners.empty() && spaces_[s].corners.front() == 0;
  }
  bool RightCorner(size_t s) const {
    return !spaces_[s].corners.empty() && spaces_[s].corners.back() == spaces_[s].length - 1;
  }
  int64_t Gap(size_t s) const {
    return std::accumulate(spaces_[s].stands.begin(), spaces_[s].stands.end(), spaces_[s].length,
                           [](int64_t gap, int64_t size) { return gap - size; });
  }

  // Which sizes go to the ends of a space that are corners: a flow from sizes to
  // spaces, enlarged by one for each application in the order of their claims. Sets
  // that can be served form a matroid, so taking whoever still can be is best.
  void GiveCorners() {
    std::map<int64_t, size_t> index;
    for (const FreeSpace& space : spaces_) {
      for (const int64_t size : space.stands) index.insert({size, 0});
    }
    for (auto& [size, i] : index) {
      i = sizes_.size();
      sizes_.push_back(size);
    }
    has_.resize(sizes_.size());
    ends_.resize(spaces_.size());
    open_.resize(spaces_.size());
    std::vector<std::map<size_t, int64_t>> count(spaces_.size());
    for (size_t s = 0; s < spaces_.size(); ++s) {
      const std::vector<int64_t>& stands = spaces_[s].stands;
      open_[s] = std::min<size_t>(stands.size(), LeftCorner(s) + RightCorner(s));
      if (open_[s] == 0) continue;
      for (const int64_t size : stands) {
        const size_t i = index[size];
        if (count[s][i]++ == 0) has_[i].push_back(s);
      }
    }
    count_ = std::move(count);
    std::vector<size_t> claims(stands_.size());
    std::iota(claims.begin(), claims.end(), size_t{0});
    std::stable_sort(claims.begin(), claims.end(),
                     [&](size_t a, size_t b) { return stands_[a].tier < stands_[b].tier; });
    std::vector<bool> served(sizes_.size(), true);
    for (const size_t claim : claims) {
      const size_t i = index[stands_[claim].size];
      // Who cannot be served now cannot be later.
      if (served[i]) served[i] = Serve(i);
    }
  }

  // One more corner for size i, others moving elsewhere if need be. Breadth first.
  bool Serve(size_t i) {
    constexpr size_t kNone = static_cast<size_t>(-1);
    std::vector<size_t> size_from(sizes_.size(), kNone);    // the space it was driven from
    std::vector<size_t> space_from(spaces_.size(), kNone);  // the size that asked for it
    std::vector<bool> seen(sizes_.size());
    std::vector<size_t> queue = {i};
    seen[i] = true;
    for (size_t q = 0; q < queue.size(); ++q) {
      const size_t asking = queue[q];
      for (const size_t s : has_[asking]) {
        if (space_from[s] != kNone || Given(s, asking) >= count_[s].at(asking)) continue;
        space_from[s] = asking;
        if (open_[s] > 0) {
          --open_[s];
          for (size_t at = s;;) {
            const size_t to = space_from[at];
            ends_[at].push_back(to);
            if (to == i) return true;
            at = size_from[to];
            ends_[at].erase(std::find(ends_[at].begin(), ends_[at].end(), to));
          }
        }
        for (const size_t other : ends_[s]) {
          if (seen[other]) continue;
          seen[other] = true;
          size_from[other] = s;
          queue.push_back(other);
        }
      }
    }
    return false;
  }

  int64_t Given(size_t s, size_t i) const {
    return std::count(ends_[s].begin(), ends_[s].end(), i);
  }

  // The slots of a space: those at corners at its ends, the free cells away from
  // corners where that can be.
  void LineUp(size_t s) {
    std::vector<int64_t> ends;
    for (const size_t i : ends_[s]) ends.push_back(sizes_[i]);
    std::sort(ends.rbegin(), ends.rend());
    std::vector<int64_t> middle = spaces_[s].stands;
    for (const int64_t size : ends) middle.erase(std::find(middle.begin(), middle.end(), size));
    const bool left = LeftCorner(s) && !ends.empty();
    const bool right = RightCorner(s) && ends.size() > (left ? 1 : 0);
    std::vector<Slot>& slots = slots_[s];
    if (left) slots.push_back({ends.front(), true, false});
    for (const int64_t size : middle) slots.push_back({size, false, true});
    if (right) slots.push_back({ends.back(), true, false});
    gaps_.push_back(!right ? slots.size() : left ? slots.size() - 1 : 0);
    // A corner inside of a space, which plans seldom have, is nobody's aim, but
    // who stands at it is known.
    int64_t cell = 0;
    bool inside = false;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (i == gaps_[s]) cell += Gap(s);
      const auto corner =
          std::lower_bound(spaces_[s].corners.begin(), spaces_[s].corners.end(), cell);
      cell += slots[i].size;
      if (corner == spaces_[s].corners.end() || *corner >= cell || slots[i].corner) continue;
      slots[i].corner = inside = true;
    }
    if (inside) {
      for (Slot& slot : slots) slot.movable = false;
    }
  }

  // Who has a corner: of each size the first by tier and order.
  void MakeKinds() {
    std::map<int64_t, int64_t> corners;
    for (const std::vector<Slot>& slots : slots_) {
      for (const Slot& slot : slots) corners[slot.size] += slot.corner;
    }
    for (const Stand& stand : stands_) {
      if (stand.group != kNoGroup) groups_ = std::max(groups_, stand.group + 1);
    }
    left_.resize(groups_ + 1);
    std::vector<size_t> claims(stands_.size());
    std::iota(claims.begin(), claims.end(), size_t{0});
    std::stable_sort(claims.begin(), claims.end(),
                     [&](size_t a, size_t b) { return stands_[a].tier < stands_[b].tier; });
    for (const size_t claim : claims) {
      const Stand& stand = stands_[claim];
      const bool corner = corners[stand.size]-- > 0;
      kinds_[{stand.size, corner}][std::min(stand.group, groups_)].push_back(claim);
      ++left_[std::min(stand.group, groups_)];
    }
    for (auto& [key, kind] : kinds_) {
      for (auto& [group, stands] : kind) std::reverse(stands.begin(), stands.end());
    }
  }

  // Space after space gets the group that fills most of its slots, then the one
  // that fills most of the others.
  void FillSlots() {
    int64_t slots = 0;
    for (const std::vector<Slot>& space : slots_) slots += static_cast<int64_t>(space.size());
    const bool cheap = slots * static_cast<int64_t>(groups_ + 1) <= kMaxGroupSteps;
    size_t last = 0;
    for (size_t s = 0; s < slots_.size(); ++s) {
      std::map<std::pair<int64_t, bool>, std::vector<size_t>> empty;
      for (size_t i = 0; i < slots_[s].size(); ++i) {
        empty[{slots_[s][i].size, slots_[s][i].corner}].push_back(i);
      }
      while (!empty.empty()) {
        size_t best = kinds_[empty.begin()->first].begin()->first;
        std::tuple<int64_t, bool, int64_t> most;
        for (size_t group = 0; cheap && group <= groups_; ++group) {
          int64_t fits = 0;
          for (const auto& [key, places] : empty) {
            const auto stands = kinds_[key].find(group);
            if (stands == kinds_[key].end()) continue;
            fits += static_cast<int64_t>(std::min(places.size(), stands->second.size()));
          }
          if (fits == 0) continue;
          // Those of no group are company for nobody: they take what is left over,
          // before small groups are broken up.
          if (group == groups_) fits = 1;
          const std::tuple value(fits, group == last, -left_[group]);
          if (value > most) {
            most = value;
            best = group;
          }
        }
        Take(s, best, &empty);
        last = best;
      }
    }
  }

  void Take(size_t s, size_t group,
            std::map<std::pair<int64_t, bool>, std::vector<size_t>>* empty) {
    for (auto entry = empty->begin(); entry != empty->end();) {
      Kind& kind = kinds_[entry->first];
      const auto found = kind.find(group);
      if (found == kind.end()) {
        ++entry;
        continue;
      }
      std::vector<size_t>& stands = found->second;
      while (!entry->second.empty() && !stands.empty()) {
        slots_[s][entry->second.back()].stand = stands.back();
        entry->second.pop_back();
        stands.pop_back();
        --left_[group];
      }
      if (stands.empty()) kind.erase(found);
      entry = entry->second.empty() ? empty->erase(entry) : std::next(entry);
    }
  }

  // Puts the movable slots of a space such that groups stand together.
  void Order(size_t s) {
    std::vector<Slot>& slots = slots_[s];
    const auto first =
        std::find_if(slots.begin(), slots.end(), [](const Slot& slot) { return slot.movable; });
    const auto last =
        std::find_if(first, slots.end(), [](const Slot& slot) { return !slot.movable; });
    if (first == last) return;
    const bool gap_left = gaps_[s] == 0 && Gap(s) > 0;
    const bool gap_right = gaps_[s] == static_cast<size_t>(last - slots.begin()) && Gap(s) > 0;
    const size_t left = first != slots.begin() ? stands_[std::prev(first)->stand].group
                        : gap_left             ? kNoGroup
                                               : spaces_[s].left_group;
    const size_t right = gap_right             ? kNoGroup
                         : last != slots.end() ? stands_[last->stand].group
                                               : spaces_[s].right_group;
    const auto rank = [&](const Slot& slot) {
      const size_t group = stands_[slot.stand].group;
      const int side = group == kNoGroup ? 1 : group == left ? 0 : group == right ? 2 : 1;
      return std::tuple(side, group, -slot.size, slot.stand);
    };
    std::sort(first, last, [&](const Slot& a, const Slot& b) { return rank(a) < rank(b); });
  }

  const std::vector<FreeSpace>& spaces_;
  const std::vector<Stand>& stands_;
  std::vector<std::vector<Slot>> slots_;  // by space
  std::vector<size_t> gaps_;              // by space: the slot before which it has its free cells

  std::vector<int64_t> sizes_;
  std::vector<std::vector<size_t>> has_;          // by size: spaces with such a stand and a corner
  std::vector<std::map<size_t, int64_t>> count_;  // by space: stands by size
  std::vector<std::vector<size_t>> ends_;         // by space: sizes that have a corner
  std::vector<size_t> open_;                      // by space: corners that nobody has

  std::map<std::pair<int64_t, bool>, Kind> kinds_;  // by size, and whether at a corner
  size_t groups_ = 0;                               // behind the last: no group
  std::vector<int64_t> left_;                       // by group: stands without a slot
};

}  // namespace

std::vector<StandPosition> Arrange(const std::vector<FreeSpace>& spaces,
                                   const std::vector<Stand>& stands) {
  return Arranger(spaces, stands).Run();
}

}  // namespace caravan::fairs
