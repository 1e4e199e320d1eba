#include "services/fairs/placement_packing.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "services/fairs/placement_bound.h"

namespace caravan::fairs {
namespace {

// A packing under construction. Sizes are named by their index in the problem.
struct Layout {
  std::vector<std::vector<size_t>> runs;  // by run: a size for each stand
  std::vector<int64_t> spaces;            // by run: the cells that are free
  std::vector<int64_t> slots;             // by size: the stands in all runs
  Worth worth = {};
};

// SplitMix64 (Steele, Lea, Flood, 2014): which runs are repaired together.
class Sequence {
 public:
  // A number below `end`.
  size_t Next(size_t end) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % end;
  }

 private:
  uint64_t state_ = 0;
};

// How deep a search may recurse.
constexpr size_t kMaxDepth = 2'000;

// Steps of one repair.
constexpr int64_t kRepairSteps = 4'000;

// Branch and bound over what a few runs contain, one run after the other.
class Search {
 public:
  // Stands that may be put into the runs, and the runs with the size of the best
  // filling known of each.
  Search(const Demand& demand, const FillTable& fill, std::vector<int64_t> lengths)
      : demand_(demand), fill_(fill), lengths_(std::move(lengths)), chosen_(lengths_.size()) {
    room_.resize(lengths_.size() + 1);
    for (size_t r = lengths_.size(); r-- > 0;) {
      room_[r] = room_[r + 1];
      for (size_t k = 0; k < kStandClasses; ++k) room_[r][k] += fill_.Best(k, lengths_[r]);
    }
  }

  // `outside`: the stands of that size in other runs; `free`: those that may be put
  // into these.
  void AddSize(size_t index, int64_t outside, int64_t free) {
    sizes_.push_back({index, demand_.size(index), outside, free});
  }

  // Looks for contents that are worth more than `best`, or as much with the
  // free cells more together where `ties`. `worth` is what all that is outside is
  // worth; `enough` is worth so much that the search can end. At most *steps steps,
  // which it counts down. Sizes have been added in descending order.
  void Run(const Worth& worth, const Worth& best, const Worth& enough, bool ties, int64_t best_gaps,
           int64_t* steps) {
    worth_ = worth;
    best_ = best;
    enough_ = enough;
    ties_ = ties;
    best_gaps_ = best_gaps;
    steps_ = steps;
    if (!lengths_.empty()) Enter(0, 0);
  }

  bool found() const { return found_; }
  // Whether it saw all that could be better.
  bool complete() const { return *steps_ > 0 && !done_; }
  const Worth& best() const { return best_; }
  // By run, in the order of `lengths`: a size for each stand, the greatest first.
  const std::vector<std::vector<size_t>>& contents() const { return contents_; }

 private:
  struct Size {
    size_t index;
    int64_t size;
    int64_t slots;  // in all runs, as far as this branch has gone
    int64_t free;
  };

  bool Stop() const { return *steps_ <= 0 || done_; }

  // All contents of the run r and those behind it.
  void Enter(size_t r, int64_t gaps) {
    if (r == lengths_.size()) return Leaf(gaps);
    *steps_ -= 1 + static_cast<int64_t>(sizes_.size()) / 4;
    if (Stop()) return;
    Worth bound = worth_;
    for (size_t k = 0; k < kStandClasses; ++k) {
      int64_t wanted = 0;
      for (const Size& s : sizes_) {
        wanted += s.size * std::clamp<int64_t>(demand_.stands(s.index, k) - s.slots, 0, s.free);
      }
      bound[k] += std::min(wanted, room_[r][k]);
    }
    if (ties_ ? bound < best_ : bound <= best_) return;
    if (r > 0 && r + 1 < lengths_.size()) {
      // What is free tells what was used, so what can follow and what it is worth.
      std::string key(1, static_cast<char>(r));
      for (const Size& s : sizes_)
        key.append(reinterpret_cast<const char*>(&s.free), sizeof(int64_t));
      *steps_ -= 20;
      if (!seen_.insert(std::move(key)).second) return;
    }
    Choose(r, 0, lengths_[r], gaps);
  }

  // All ways to fill `space` cells of the run r with the sizes from the a-th on.
  void Choose(size_t r, size_t a, int64_t space, int64_t gaps) {
    if (--*steps_ <= 0) return;
    while (a < sizes_.size() && (sizes_[a].free == 0 || sizes_[a].size > space)) ++a;
    if (a == sizes_.size()) {
      // Where another stand fits, a filling with it is no worse: a stand that is
      // elsewhere now, or nowhere, can always move here.
      for (size_t b = sizes_.size(); b-- > 0 && sizes_[b].size <= space;) {
        if (sizes_[b].free > 0) return;
      }
      Enter(r + 1, gaps + space * space);
      return;
    }
    Size& s = sizes_[a];
    const int64_t most = std::min(s.free, space / s.size);
    *steps_ -= most;
    const Worth before = worth_;
    for (int64_t n = 0; n < most; ++n) {
      Put(&s);
      chosen_[r].push_back(s.index);
    }
    for (int64_t n = most;; --n) {
      Choose(r, a + 1, space - n * s.size, gaps);
      if (n == 0) break;
      --s.slots;
      ++s.free;
      chosen_[r].pop_back();
      for (size_t k = 0; k < kStandClasses; ++k) {
        if (s.slots < demand_.stands(s.index, k)) worth_[k] -= s.size;
      }
      if (Stop()) {
        s.slots -= n - 1;
        s.free += n - 1;
        chosen_[r].resize(chosen_[r].size() - (n - 1));
        worth_ = before;
        return;
      }
    }
  }

  void Put(Size* s) {
    for (size_t k = 0; k < kStandClasses; ++k) {
      if (s->slots < demand_.stands(s->index, k)) worth_[k] += s->size;
    }
    ++s->slots;
    --s->free;
  }

  void Leaf(int64_t gaps) {
    if (worth_ < best_ || (worth_ == best_ && (!ties_ || gaps <= best_gaps_))) return;
    found_ = true;
    best_ = worth_;
    best_gaps_ = gaps;
    contents_ = chosen_;
    done_ = best_ >= enough_;
  }

  const Demand& demand_;
  const FillTable& fill_;
  const std::vector<int64_t> lengths_;
  std::vector<Worth> room_;  // of the run and those behind it
  std::vector<Size> sizes_;
  std::vector<std::vector<size_t>> chosen_;
  absl::flat_hash_set<std::string> seen_;
  std::vector<std::vector<size_t>> contents_;
  Worth worth_, best_, enough_;
  bool ties_ = false, found_ = false, done_ = false;
  int64_t best_gaps_ = 0;
  int64_t* steps_ = nullptr;
};

class Packer {
 public:
  Packer(const PackingProblem& problem, int64_t steps)
      : problem_(problem),
        demand_(problem),
        fill_(problem.lengths, demand_),
        sums_(problem),
        steps_(steps) {}

  Packing Run() {
    Construct();
    for (size_t k = 0; k < kStandClasses; ++k) {
      target_[k] = demand_.booths()[k];
      int64_t room = 0;
      for (const int64_t length : problem_.lengths) room += fill_.Best(k, length);
      target_[k] = std::min(target_[k], room);
    }
    simple_ = target_;
    Tighten();
    if (!Met()) Whole();
    if (!Met() && layout_.worth != tightened_) Tighten();
    for (int64_t part = 4; part > 0 && !Met(); part /= 2) {
      Repair(steps_ - steps_ / part);
      if (layout_.worth != tightened_) Tighten();
    }
    return Result();
  }

 private:
  bool Met() const { return layout_.worth == target_; }

  // Best fit decreasing over groups of classes: brand stands first and then the
  // others, all together, and so on. Putting small stands of a class before great
  // ones of the next keeps precedence; mixing them wastes less.
  void Construct() {
    for (unsigned cuts = 0; cuts < 1u << (kStandClasses - 1); ++cuts) {
      Layout layout;
      layout.runs.resize(problem_.lengths.size());
      layout.slots.resize(demand_.kinds());
      std::set<std::pair<int64_t, size_t>> spaces;
      for (size_t r = 0; r < problem_.lengths.size(); ++r) spaces.insert({problem_.lengths[r], r});
      for (size_t first = 0; first < kStandClasses;) {
        size_t last = first;
        while (last + 1 < kStandClasses && !((cuts >> last) & 1)) ++last;
        for (size_t i = demand_.kinds(); i-- > 0;) {
          // What the classes before have not been given is tried again.
          while (layout.slots[i] < demand_.stands(i, last)) {
            const auto space = spaces.lower_bound({demand_.size(i), 0});
            if (space == spaces.end()) break;
            const auto [cells, r] = *space;
            spaces.erase(space);
            spaces.insert({cells - demand_.size(i), r});
            layout.runs[r].push_back(i);
            ++layout.slots[i];
          }
        }
        first = last + 1;
      }
      layout.worth = demand_.WorthOf(layout.slots);
      layout.spaces.resize(layout.runs.size());
      for (const auto& [cells, r] : spaces) layout.spaces[r] = cells;
      if (cuts == 0 || layout.worth > layout_.worth) layout_ = std::move(layout);
    }
  }

  // Bounds for the packing at hand.
  void Tighten() {
    tightened_ = layout_.worth;
    int64_t before = 0;
    for (size_t k = 0; k < kStandClasses; ++k) {
      target_[k] = simple_[k];
      if (layout_.worth[k] < target_[k]) {
        target_[k] = std::min(target_[k], ProveBound(problem_.lengths, demand_, k, layout_.worth));
        target_[k] = before + sums_.Floor(k, target_[k] - before);
      }
      before = layout_.worth[k];
    }
  }

  // The whole problem at once, where it is small.
  void Whole() {
    if (problem_.lengths.size() > 64) return;
    std::vector<size_t> runs(problem_.lengths.size());
    std::iota(runs.begin(), runs.end(), size_t{0});
    int64_t steps = steps_ / 4;
    steps_ -= steps;
    const bool complete = Improve(runs, false, &steps);
    steps_ += steps;
    if (complete) target_ = layout_.worth;
  }

  // Takes a few runs, of which one has free cells, and fills them anew with what
  // they had and what is left, until `until` steps are left.
  void Repair(int64_t until) {
    std::vector<size_t> gaps;
    std::vector<size_t> runs;
    const size_t count = problem_.lengths.size();
    if (count < 2) return;
    while (steps_ > until && !Met()) {
      gaps.clear();
      for (size_t r = 0; r < count; ++r) {
        if (layout_.spaces[r] > 0) gaps.push_back(r);
      }
      steps_ -= static_cast<int64_t>(count) + 1;
      for (size_t tries = 0; tries <= gaps.size() && steps_ > until && !Met(); ++tries) {
        runs.clear();
        if (!gaps.empty()) runs.push_back(gaps[sequence_.Next(gaps.size())]);
        const size_t want = std::min(count, 2 + sequence_.Next(8));
        while (runs.size() < want) {
          const bool gap = gaps.size() > want && sequence_.Next(2) == 0;
          const size_t r = gap ? gaps[sequence_.Next(gaps.size())] : sequence_.Next(count);
          if (std::find(runs.begin(), runs.end(), r) == runs.end()) runs.push_back(r);
        }
        int64_t steps = std::min<int64_t>(steps_, kRepairSteps);
        steps_ -= steps + static_cast<int64_t>(demand_.kinds());
        Improve(runs, true, &steps);
        steps_ += std::max<int64_t>(steps, 0);
      }
    }
  }

  // True where nothing better exists for these runs.
  bool Improve(std::vector<size_t> runs, bool ties, int64_t* steps) {
    std::sort(runs.begin(), runs.end(), [&](size_t a, size_t b) {
      return std::pair(problem_.lengths[a], a) < std::pair(problem_.lengths[b], b);
    });
    std::vector<int64_t> lengths, slots = layout_.slots;
    int64_t gaps = 0, room = 0;
    for (const size_t r : runs) {
      lengths.push_back(problem_.lengths[r]);
      room += problem_.lengths[r];
      gaps += layout_.spaces[r] * layout_.spaces[r];
      for (const size_t i : layout_.runs[r]) --slots[i];
    }
    Search search(demand_, fill_, lengths);
    size_t sizes = 0;
    for (size_t i = demand_.kinds(); i-- > 0;) {
      const int64_t size = demand_.size(i);
      const int64_t free = std::min(demand_.stands(i) - slots[i], room / size);
      if (free == 0 || size > lengths.back()) continue;
      search.AddSize(i, slots[i], free);
      ++sizes;
    }
    if (sizes * runs.size() > kMaxDepth) return false;
    search.Run(demand_.WorthOf(slots), layout_.worth, target_, ties, gaps, steps);
    if (search.found()) {
      for (size_t k = 0; k < runs.size(); ++k) {
        layout_.spaces[runs[k]] = lengths[k];
        for (const size_t i : search.contents()[k]) {
          ++slots[i];
          layout_.spaces[runs[k]] -= demand_.size(i);
        }
        layout_.runs[runs[k]] = search.contents()[k];
      }
      layout_.slots = std::move(slots);
      layout_.worth = search.best();
    }
    return search.complete();
  }

  Packing Result() const {
    Packing packing;
    packing.stands.resize(problem_.lengths.size());
    for (size_t r = 0; r < problem_.lengths.size(); ++r) {
      for (const size_t i : layout_.runs[r]) packing.stands[r].push_back(demand_.size(i));
      std::sort(packing.stands[r].rbegin(), packing.stands[r].rend());
    }
    for (size_t k = 0; k < kStandClasses; ++k) {
      const int64_t before = k == 0 ? 0 : layout_.worth[k - 1];
      packing.placed[k] = layout_.worth[k] - before;
      packing.bound[k] = sums_.Floor(k, target_[k] - before);
    }
    return packing;
  }

  const PackingProblem& problem_;
  const Demand demand_;
  const FillTable fill_;
  const SumTable sums_;
  int64_t steps_;
  Sequence sequence_;
  Layout layout_;
  // No packing is worth more in k among those worth as much as this one below k.
  Worth target_ = {};
  // The packing that it was worked out for.
  Worth tightened_ = {};
  // What no packing exceeds, whatever the others have.
  Worth simple_ = {};
};

}  // namespace

Packing Pack(const PackingProblem& problem, int64_t steps) { return Packer(problem, steps).Run(); }

}  // namespace caravan::fairs
