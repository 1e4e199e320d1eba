// An edition's course without a server: its stages one after the other, each from the
// applications as the stages before have left them.
#pragma once

#include <string>
#include <vector>

#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "services/fairs/testing/edition.h"

namespace caravan::fairs::testing {

class EditionCourse {
 public:
  // Divides the quotas of every section.
  explicit EditionCourse(Edition edition);

  const Edition& edition() const { return edition_; }

  // What a stage would freeze now, section by section, in the order of their names. All
  // firms are ACTIVE and of GOOD standing.
  std::vector<v1::SectionInputs> Freeze(v1::Stage stage, bool waiting_list = false) const;

  // Runs what is frozen: the bundles that the fair would publish.
  std::vector<v1::Bundle> Run(const std::vector<v1::SectionInputs>& inputs) const;

  // Gives applications what a run of stage BRAND or GENERAL decided; all confirm it.
  void Publish(const std::vector<v1::Bundle>& bundles);

  // One in `count` of those who have confirmed returns its booths, by name.
  void ReturnOneIn(int count);

 private:
  std::string ExclusionOf(const v1::Section& section, const v1::Application& application) const;

  Edition edition_;
  std::vector<std::vector<size_t>> applications_;  // of each section
};

}  // namespace caravan::fairs::testing
