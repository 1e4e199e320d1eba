#include "services/fairs/fairs.h"

int main(int argc, char** argv) {
  return caravan::host::RunService(caravan::fairs::FairsDefinition(), argc, argv);
}
