#include "services/fairs/snapshot.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "services/fairs/floor_plan.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"

namespace caravan::fairs {

using v1::Application;
using v1::SectionInputs;

namespace {

bool IsOfStage(const Application& application, v1::Stage stage) {
  switch (stage) {
    case v1::BRAND:
      return application.kind() == Application::BRAND;
    case v1::GENERAL:
      return application.kind() == Application::GENERAL;
    default:
      return true;
  }
}

// Booths that are held, by whom the stage distinguishes.
struct Held {
  int64_t brand = 0;
  int64_t general = 0;
  int64_t newcomers = 0;
  int32_t general_firms = 0;
  int32_t newcomer_firms = 0;
  std::map<std::string, int64_t, std::less<>> of_delegations = {};
};

Held CountHeld(const SectionSources& sources) {
  Held held;
  for (const Application& application : sources.applications) {
    if (!HoldsBooths(application, sources.waiting_list)) continue;
    const int64_t booths = application.allotted_booths();
    if (application.kind() == Application::BRAND) {
      held.brand += booths;
    } else if (application.kind() == Application::GENERAL && application.newcomer()) {
      held.newcomers += booths;
      ++held.newcomer_firms;
    } else if (application.kind() == Application::GENERAL) {
      held.general += booths;
      ++held.general_firms;
      held.of_delegations[std::string(LastSegment(application.delegation()))] += booths;
    }
  }
  return held;
}

int32_t Left(int64_t booths, int64_t held) {
  return static_cast<int32_t>(std::max<int64_t>(0, booths - held));
}

void AddQuotas(const SectionSources& sources, const Held& held, SectionInputs& inputs) {
  std::map<std::string_view, int64_t> left;
  int64_t sum = 0;
  for (const v1::Quota& quota : sources.quotas) {
    const std::string_view delegation = LastSegment(quota.delegation());
    const auto found = held.of_delegations.find(delegation);
    const int32_t booths =
        Left(quota.booths(), found == held.of_delegations.end() ? 0 : found->second);
    left[delegation] = booths;
    sum += booths;
  }
  for (; sum > inputs.general_booths(); --sum) {
    auto largest = left.begin();
    for (auto it = left.begin(); it != left.end(); ++it) {
      if (it->second >= largest->second) largest = it;
    }
    --largest->second;
  }
  for (const auto& [delegation, booths] : left) {
    SectionInputs::Quota& quota = *inputs.add_quotas();
    quota.set_delegation(std::string(delegation));
    quota.set_booths(static_cast<int32_t>(booths));
  }
}

void AddEntries(const SectionSources& sources, SectionInputs& inputs) {
  std::vector<const Application*> taking_part;
  for (const Application& application : sources.applications) {
    if (TakesPart(application, sources.stage, sources.waiting_list)) {
      taking_part.push_back(&application);
    }
  }
  std::sort(taking_part.begin(), taking_part.end(),
            [](const auto* a, const auto* b) { return a->pseudonym() < b->pseudonym(); });
  for (const Application* application : taking_part) {
    SectionInputs::Entry& entry = *inputs.add_applications();
    entry.set_pseudonym(application->pseudonym());
    entry.set_kind(application->kind());
    entry.set_delegation(std::string(LastSegment(application->delegation())));
    entry.set_score(application->score());
    entry.set_minimum_booths(application->minimum_booths());
    entry.set_maximum_booths(application->maximum_booths());
    entry.set_newcomer(application->newcomer());
    if (sources.stage == v1::PLACEMENT) entry.set_booths(application->allotted_booths());
    entry.set_stand_type(application->stand_type());
    entry.set_product_group(application->product_group());
    const auto exclusion = sources.exclusions.find(application->name());
    if (exclusion != sources.exclusions.end()) entry.set_exclusion(exclusion->second);
  }
}

void AddRuns(const SectionSources& sources, SectionInputs& inputs) {
  std::vector<SectionInputs::Run> runs;
  for (const PlannedFloor& planned : sources.floors) {
    const Floor floor(planned.hall, planned.plan);
    for (SectionInputs::Run& run : floor.FreeRuns(sources.section->name())) {
      runs.push_back(std::move(run));
    }
  }
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return std::forward_as_tuple(a.hall(), a.row(), a.first_number()) <
           std::forward_as_tuple(b.hall(), b.row(), b.first_number());
  });
  for (SectionInputs::Run& run : runs) *inputs.add_runs() = std::move(run);
}

}  // namespace

bool TakesPart(const Application& application, v1::Stage stage, bool waiting_list) {
  if (!IsOfStage(application, stage)) return false;
  if (stage == v1::PLACEMENT) return application.state() == Application::CONFIRMED;
  switch (application.state()) {
    case Application::WAITLISTED:
      return true;
    case Application::SCORED:
      return !waiting_list;
    case Application::ALLOTTED:
      return !waiting_list && !application.renewal();
    default:
      return false;
  }
}

bool HoldsBooths(const Application& application, bool waiting_list) {
  switch (application.state()) {
    case Application::ALLOTTED:
      return waiting_list || application.renewal();
    case Application::CONFIRMED:
    case Application::POSITIONED:
    case Application::USED:
    case Application::VIOLATED:
      return true;
    default:
      return false;
  }
}

SectionInputs MakeSectionInputs(const SectionSources& sources) {
  const v1::Section& section = *sources.section;
  const Held held = CountHeld(sources);
  SectionInputs inputs;
  inputs.set_stage(sources.stage);
  inputs.set_waiting_list(sources.waiting_list);
  inputs.set_phase(section.phase());
  inputs.set_brand_minimum(section.brand_minimum());
  inputs.set_firm_cap(section.firm_cap());
  inputs.set_base(section.base());
  if (sources.stage == v1::BRAND) inputs.set_brand_booths(Left(section.brand_booths(), held.brand));
  if (sources.stage == v1::GENERAL) {
    inputs.set_general_booths(Left(section.general_booths(), held.general));
    inputs.set_newcomer_booths(Left(section.newcomer_booths(), held.newcomers));
    inputs.set_general_firms(held.general_firms);
    inputs.set_newcomer_firms(held.newcomer_firms);
    AddQuotas(sources, held, inputs);
  }
  AddEntries(sources, inputs);
  if (sources.stage == v1::PLACEMENT) AddRuns(sources, inputs);
  return inputs;
}

}  // namespace caravan::fairs
