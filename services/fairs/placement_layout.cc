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

// How much exchanging stands between spaces may cost.
constexpr int64_t kMaxExchangeSteps = 20'000'000;

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

  // Which sizes go to the ends of a space that are corners. Where nobody of a size can
  // have one more, stands change places with as many cells of stands elsewhere.
  void GiveCorners() {
    std::map<int64_t, size_t> index;
    for (const FreeSpace& space : spaces_) {
      for (const int64_t size : space.stands) index.insert({size, 0});
    }
    for (auto& [size, i] : index) {
      i = sizes_.size();
      sizes_.push_back(size);
    }
    std::vector<size_t> claims;  // sizes
    for (const size_t stand : ByTier()) claims.push_back(index[stands_[stand].size]);
    CountStands(index);
    if (!Serve(claims, kMaxExchangeSteps)) return;
    // For the sizes where they stand now, this is the best.
    CountStands(index);
    Serve(claims, 0);
  }

  std::vector<size_t> ByTier() const {
    std::vector<size_t> order(stands_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return stands_[a].tier < stands_[b].tier; });
    return order;
  }

  void CountStands(const std::map<int64_t, size_t>& index) {
    has_.assign(sizes_.size(), {});
    count_.assign(spaces_.size(), {});
    ends_.assign(spaces_.size(), {});
    open_.assign(spaces_.size(), 0);
    for (size_t s = 0; s < spaces_.size(); ++s) {
      for (const int64_t size : spaces_[s].stands) Move(s, index.at(size), 1);
      Open(s);
    }
  }

  // Corners of a space that are still to be had.
  void Open(size_t s) {
    open_[s] = std::min<size_t>(spaces_[s].stands.size(), LeftCorner(s) + RightCorner(s)) -
               ends_[s].size();
  }

  void Move(size_t s, size_t i, int64_t by) {
    int64_t& count = count_[s][i];
    if (count == 0 && LeftCorner(s) + RightCorner(s) > 0 &&
        std::find(has_[i].begin(), has_[i].end(), s) == has_[i].end()) {
      has_[i].push_back(s);
    }
    count += by;
  }

  // A flow from sizes to spaces, enlarged by one for each claim, in their order. Sets
  // that can be served form a matroid, so taking whoever still can be is best. True
  // where stands were exchanged, which is done while there are steps.
  bool Serve(const std::vector<size_t>& claims, int64_t steps) {
    bool exchanged = false;
    std::vector<bool> served(sizes_.size(), true);
    for (const size_t i : claims) {
      // Who cannot be served now cannot be later.
      if (!served[i] || (served[i] = Augment(i))) continue;
      if (steps <= 0) continue;
      steps -= static_cast<int64_t>(spaces_.size());
      if (!Exchange(i)) continue;
      exchanged = true;
      served.assign(sizes_.size(), true);
      Augment(i);
    }
    return exchanged;
  }

  int64_t Free(size_t s, size_t i) const {
    const auto count = count_[s].find(i);
    return count == count_[s].end() ? 0 : count->second - Given(s, i);
  }

  // Brings a stand of size i into a space with an open corner: for one that is as long
  // as a few of size i, or for a few that are as long as it. Nobody who has a corner is
  // moved.
  bool Exchange(size_t i) {
    size_t donor = spaces_.size();
    int64_t most = 0;
    for (size_t s = 0; s < spaces_.size(); ++s) {
      // In an open space, it would have been served.
      if (open_[s] == 0 && Free(s, i) > most) {
        most = Free(s, i);
        donor = s;
      }
    }
    if (most == 0) return false;
    for (size_t s = 0; s < spaces_.size(); ++s) {
      if (open_[s] == 0) continue;
      std::vector<size_t> from, to;
      for (const auto& [other, count] : count_[s]) {
        const int64_t times = sizes_[other] / sizes_[i];
        if (times < 2 || times > most || sizes_[other] % sizes_[i] != 0) continue;
        if (Free(s, other) == 0) continue;
        from = {other};
        to.assign(static_cast<size_t>(times), i);
        break;
      }
      if (from.empty()) {
        int64_t left = sizes_[i];
        for (auto entry = count_[s].rbegin(); entry != count_[s].rend(); ++entry) {
          const int64_t size = sizes_[entry->first];
          if (size >= sizes_[i]) continue;
          for (int64_t n = std::min(Free(s, entry->first), left / size); n > 0; --n) {
            from.push_back(entry->first);
            left -= size;
          }
        }
        if (left > 0) continue;
        to = {i};
      }
      const size_t open = open_[s];
      Swap(s, from, donor, to);
      if (open_[s] >= open) return true;
      Swap(s, to, donor, from);
    }
    return false;
  }

  void Swap(size_t a, const std::vector<size_t>& from_a, size_t b,
            const std::vector<size_t>& from_b) {
    const auto hand = [&](size_t from, size_t to, const std::vector<size_t>& sizes) {
      std::vector<int64_t>& stands = spaces_[from].stands;
      for (const size_t i : sizes) {
        Move(from, i, -1);
        Move(to, i, 1);
        stands.erase(std::find(stands.begin(), stands.end(), sizes_[i]));
        spaces_[to].stands.push_back(sizes_[i]);
      }
    };
    hand(a, b, from_a);
    hand(b, a, from_b);
    for (const size_t s : {a, b}) {
      std::sort(spaces_[s].stands.rbegin(), spaces_[s].stands.rend());
      Open(s);
    }
  }

  // One more corner for size i, others moving elsewhere if need be. Breadth first.
  bool Augment(size_t i) {
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
    for (const size_t claim : ByTier()) {
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

  std::vector<FreeSpace> spaces_;
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
