// Memory that runs out at every place where memory is asked for.
//
// The allocation functions of this program are replaced by ones that throw std::bad_alloc at the
// k-th allocation of this thread, or from the k-th on. Each public call is made, on an index in the
// same state, for k = 1, 2, ... until it asks for no more memory than that. A call that throws must
// have changed nothing; one that returns must have done its work (losing the list is allowed, it is
// built again); and in either case the index goes on to answer exactly.

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reference.hpp"
#include "socbi/baselines/array_ordering.hpp"
#include "socbi/baselines/bplus_tree_ordering.hpp"
#include "socbi/index.hpp"

namespace {

/// Whose allocations fail: those of this thread, while one of these is in scope.
class Shortage {
 public:
  /// The `at`-th allocation fails (the first is 1), and if `lasting` all after it.
  Shortage(long at, bool lasting) {
    left_ = at;
    lasting_ = lasting;
    failed_ = false;
  }
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;
  ~Shortage() { left_ = 0; }

  [[nodiscard]] static bool failed() noexcept { return failed_; }

  static void on_allocation() {
    if (left_ == 0) return;
    if (left_ > 1) {
      --left_;
      return;
    }
    if (!lasting_) left_ = 0;
    failed_ = true;
    throw std::bad_alloc();
  }

 private:
  static inline thread_local long left_ = 0;  // 0: no shortage
  static inline thread_local bool lasting_ = false;
  static inline thread_local bool failed_ = false;
};

void* allocate(std::size_t size) {
  Shortage::on_allocation();
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* allocate_aligned(std::size_t size, std::align_val_t alignment) {
  Shortage::on_allocation();
  const auto step = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(step, (size + step) / step * step);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

/// Not inlined, or the compiler would see memory of `new` given to `free` and warn.
#if defined(__GNUC__)
__attribute__((noinline))
#endif
void release(void* memory) noexcept {
  std::free(memory);
}

}  // namespace

// The forms without an exception call these, in the standard library.
void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_aligned(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_aligned(size, alignment);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

namespace {

using socbi::BasicIndex;
using socbi::Best;
using socbi::IndexOptions;
using socbi::Refile;
using socbi::SemiOrderedIndex;
using socbi::Values;
using socbi::testing::bits_of;
using socbi::testing::difference;
using socbi::testing::ReferenceIndex;
using socbi::testing::stat;

using ArraySortIndex = BasicIndex<socbi::baselines::ArraySortOrdering>;
using ArrayHeapIndex = BasicIndex<socbi::baselines::ArrayHeapOrdering>;
using BPlusTreeIndex = BasicIndex<socbi::baselines::BPlusTreeOrdering>;
using Batch = std::vector<std::int64_t>;
using Scores = std::vector<float>;

IndexOptions options_of(Refile refile, std::size_t capacity, std::size_t growth) {
  IndexOptions options;
  options.refile = refile;
  options.node_capacity = capacity;
  options.growth = growth;
  options.seed = 3;
  options.threads = 1;
  options.cores = 4;
  return options;
}

/// What the calls are made with, drawn once.
struct Material {
  explicit Material(std::size_t pool) : size(pool) {
    std::mt19937_64 random(pool);
    const auto some_id = [&] { return static_cast<std::int64_t>(random() % pool); };
    for (std::size_t i = 0; i < pool; ++i) start.push_back(static_cast<float>(random() % 50));
    for (std::int64_t id = 3; id < static_cast<std::int64_t>(pool); id += 9) removed.push_back(id);
    // Updates of few samples, so that a list stands; towards the asked end and away.
    while (updated.size() < pool / 18) {
      const std::int64_t id = some_id();
      if (id % 9 == 3) continue;
      updated.push_back(id);
      towards.push_back(-static_cast<float>(random() % 40) / 8.0F);
      set_to.push_back(static_cast<float>(random() % 60));
    }
    for (std::size_t i = 0; i < pool / 20; ++i) fresh.push_back(static_cast<float>(random() % 50));
    back.assign(removed.begin(), removed.begin() + static_cast<std::ptrdiff_t>(removed.size() / 2));
    back_to.assign(back.size(), 7.5F);
    for (std::int64_t id = 4; id < static_cast<std::int64_t>(pool); id += 9) leaving.push_back(id);
    for (std::size_t i = 0; i < pool; ++i) all.push_back(static_cast<float>(random() % 80));
  }

  std::size_t size;
  Scores start, towards, set_to, fresh, back_to, all;
  Batch removed, updated, back, leaving;
};

/// Brings index or reference to the state in which the call under test finds it.
template <class Index>
void prepare(Index& index, const Material& material) {
  index.remove(material.removed);
  static_cast<void>(index.top(3));
  index.add(Batch{0}, Values(0.25F));
  static_cast<void>(index.top(3));  // little has changed: listed now
  for (const float delta : {-3.0F, 2.0F, -1.0F}) {
    index.add(material.updated, Values(delta));
    static_cast<void>(index.top(5));
  }
  const Best best = index.pop(2);
  index.restore(best.ids, Values(20.0F));
  index.add(std::span(material.updated).first(3), Values(-9.0F));  // something in the inbox
}

/// Goes on with calls of all kinds, which must answer as the reference does.
template <class Index>
void go_on(Index& index, ReferenceIndex& reference, const Material& material) {
  REQUIRE(difference(index.top(4), reference.top(4)) == "");
  Batch present;
  for (const std::int64_t id : material.updated) {
    if (reference.contains(id)) present.push_back(id);
  }
  index.add(present, Values(-0.5F));
  reference.add(present, Values(-0.5F));
  REQUIRE(difference(index.top(9), reference.top(9)) == "");
  REQUIRE(index.check() == "");
  const Scores fresh = {1.0F, -2.0F};
  REQUIRE(index.insert(fresh) == reference.insert(fresh));
  REQUIRE(difference(index.pop(5), reference.pop(5)) == "");
  const Batch gone = reference.removed();
  index.restore(gone, Values(1.0F));
  reference.restore(gone, Values(1.0F));
  REQUIRE(difference(index.pop(40), reference.pop(40)) == "");
  REQUIRE(difference(index, reference) == "");
}

// The answers of calls as rows of bits, made when memory is there again.
std::vector<std::uint32_t> row_of(int /*no answer*/) {
  return {};
}
std::vector<std::uint32_t> row_of(std::int64_t first) {
  return {static_cast<std::uint32_t>(first)};
}
std::vector<std::uint32_t> row_of(float score) {
  return bits_of(Scores{score});
}
std::vector<std::uint32_t> row_of(const Scores& scores) {
  return bits_of(scores);
}
std::vector<std::uint32_t> row_of(const Batch& ids) {
  return {ids.begin(), ids.end()};
}
std::vector<std::uint32_t> row_of(const Best& best) {
  std::vector<std::uint32_t> row = row_of(best.ids);
  for (const std::uint32_t bits : bits_of(best.scores)) row.push_back(bits);
  return row;
}

/// Makes a call, of an index or of the reference, fail at every allocation; says how many there
/// are.
template <class Index, class Call>
long starve(const std::string& name, const IndexOptions& options, const Material& material,
            Call call) {
  CAPTURE(name);
  long failures = 0;
  for (const bool lasting : {false, true}) {
    bool failed = true;
    for (long at = 1; failed; ++at) {
      CAPTURE(lasting);
      CAPTURE(at);
      Index index(material.start, options);
      ReferenceIndex reference(material.start, options);
      prepare(index, material);
      prepare(reference, material);
      std::optional<decltype(call(index))> answer;
      try {
        const Shortage shortage(at, lasting);
        answer = call(index);
      } catch (const std::bad_alloc&) {
      }
      failed = Shortage::failed();
      failures += static_cast<long>(failed);
      REQUIRE((answer || failed));
      if (answer) REQUIRE(row_of(*answer) == row_of(call(reference)));
      REQUIRE(difference(index, reference) == "");
      go_on(index, reference, material);
      REQUIRE(at < 10'000);
    }
  }
  return failures;
}

template <class Index>
void starve_all(const IndexOptions& options, std::size_t pool) {
  const Material material(pool);
  long failures = 0;
  const auto call = [&](const std::string& name, auto each) {
    failures += starve<Index>(name, options, material, each);
  };
  call("add one number", [&](auto& index) {
    index.add(material.updated, Values(-1.5F));
    return 0;
  });
  call("add a number each", [&](auto& index) {
    index.add(material.updated, Values(material.towards));
    return 0;
  });
  call("set", [&](auto& index) {
    index.set(material.updated, Values(material.set_to));
    return 0;
  });
  call("set_all", [&](auto& index) {
    index.set_all(material.all);
    return 0;
  });
  call("insert", [&](auto& index) { return index.insert(material.fresh); });
  call("restore", [&](auto& index) {
    index.restore(material.back, Values(material.back_to));
    return 0;
  });
  call("remove", [&](auto& index) {
    index.remove(material.leaving);
    return 0;
  });
  call("top", [&](auto& index) { return index.top(material.size / 6); });
  call("pop", [&](auto& index) { return index.pop(material.size / 6); });
  call("pop nearly all", [&](auto& index) { return index.pop(material.size * 2 / 3); });
  call("rank_score, of a good sample", [&](auto& index) { return index.rank_score(1); });
  call("rank_score", [&](auto& index) { return index.rank_score(material.size / 5); });
  call("scores", [&](auto& index) { return index.scores(); });
  call("scores of some", [&](auto& index) { return index.scores(material.updated); });
  call("ids", [&](auto& index) { return index.ids(); });
  CHECK(failures > 30);
}

}  // namespace

TEST_CASE("memory runs out: lazy") {
  starve_all<SemiOrderedIndex>(options_of(Refile::kLazy, 4, 2), 200);
  starve_all<SemiOrderedIndex>(options_of(Refile::kLazy, 0, 0), 200);
}

TEST_CASE("memory runs out: lazy, with an unlisted part") {
  starve_all<SemiOrderedIndex>(options_of(Refile::kLazy, 64, 4), 1500);
}

TEST_CASE("memory runs out: eager") {
  starve_all<SemiOrderedIndex>(options_of(Refile::kEager, 4, 1), 200);
  starve_all<SemiOrderedIndex>(options_of(Refile::kEager, 0, 0), 200);
}

TEST_CASE("memory runs out: the B+-tree") {
  starve_all<BPlusTreeIndex>(options_of(Refile::kLazy, 0, 0), 200);
  starve_all<BPlusTreeIndex>(options_of(Refile::kLazy, 0, 0), 1500);
}

TEST_CASE("memory runs out: the arrays") {
  starve_all<ArraySortIndex>(options_of(Refile::kLazy, 0, 0), 200);
  starve_all<ArrayHeapIndex>(options_of(Refile::kLazy, 0, 0), 200);
}

TEST_CASE("memory runs out while an index is made") {
  const Material material(200);
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    bool failed = true;
    for (long at = 1; failed; ++at) {
      std::unique_ptr<SemiOrderedIndex> index;
      try {
        const Shortage shortage(at, false);
        index = std::make_unique<SemiOrderedIndex>(material.start, options_of(refile, 4, 2));
      } catch (const std::bad_alloc&) {
      }
      failed = Shortage::failed();
      CHECK((index == nullptr) == failed);
    }
  }
}

TEST_CASE("an error that no memory is left to describe changes nothing either") {
  const Material material(200);
  for (const Refile refile : {Refile::kLazy, Refile::kEager}) {
    for (const bool exact : {true, false}) {
      bool failed = true;
      for (long at = 1; failed; ++at) {
        CAPTURE(at);
        SemiOrderedIndex index(200, options_of(refile, 4, 2));
        ReferenceIndex reference(200, index.options());
        prepare(index, material);
        prepare(reference, material);
        const std::vector<std::uint32_t> before = bits_of(index.scores());
        for (const std::int64_t bad : {material.removed[0], std::int64_t{200}}) {
          Batch batch = material.updated;
          batch.push_back(bad);
          try {
            const Shortage shortage(at, false);
            index.add(batch, Values(exact ? 1.0F : 0.3F));
          } catch (const std::out_of_range&) {
          } catch (const std::bad_alloc&) {
          }
          failed = Shortage::failed();
          REQUIRE(bits_of(index.scores()) == before);
        }
        REQUIRE(index.check() == "");
        go_on(index, reference, material);
      }
    }
  }
}

// ---- batches by workers
// --------------------------------------------------------------------------- The workers' own
// allocations do not fail here, those of the calling thread do: for the crew, for the split and, as
// it works too, for filing.

namespace {

/// One large batch, by workers, starved at every allocation of the calling thread up to `most`.
void starve_crew(Refile refile, std::size_t batch_size, float delta, long most) {
  constexpr std::size_t kPool = 2000;
  const IndexOptions options = options_of(refile, 64, 2);
  Batch batch(batch_size);
  std::mt19937_64 random(8);
  for (std::int64_t& id : batch) id = static_cast<std::int64_t>(random() % kPool);
  for (const bool lasting : {false, true}) {
    bool failed = true;
    for (long at = 1; failed && at <= most; ++at) {
      CAPTURE(lasting);
      CAPTURE(at);
      SemiOrderedIndex index(kPool, options);
      ReferenceIndex reference(kPool, options);
      static_cast<void>(index.top(3));
      index.add(Batch{1}, Values(1.0F));
      reference.add(Batch{1}, Values(1.0F));
      static_cast<void>(index.top(3));
      static_cast<void>(index.top(3));
      bool returned = false;
      try {
        const Shortage shortage(at, lasting);
        index.add(batch, Values(delta), 4);
        returned = true;
      } catch (const std::bad_alloc&) {
      }
      failed = Shortage::failed();
      if (returned) reference.add(batch, Values(delta));
      REQUIRE(difference(index, reference) == "");
      REQUIRE(difference(index.top(100), reference.top(100)) == "");
      index.add(batch, Values(delta), 4);
      reference.add(batch, Values(delta));
      REQUIRE(difference(index, reference) == "");
      REQUIRE(difference(index.top(100), reference.top(100)) == "");
    }
  }
}

}  // namespace

TEST_CASE("memory runs out under workers that move samples") {
  starve_crew(Refile::kLazy, 4 * socbi::tuning::kMovesPerWorker, -1.0F, 60);
  starve_crew(Refile::kEager, 4 * socbi::tuning::kMovesPerWorker, 1.0F, 60);
}

TEST_CASE("memory runs out under workers, in a later block") {
  starve_crew(Refile::kLazy, socbi::tuning::kParallelBlockIds + 3 * socbi::tuning::kBlockIds, 1.0F,
              40);
}

TEST_CASE("a bad id that a worker finds and has no memory to describe") {
  constexpr std::size_t kPool = 2000;
  for (long at = 1; at < 12; ++at) {
    for (int round = 0; round < 20; ++round) {
      SemiOrderedIndex index(kPool, options_of(Refile::kLazy, 64, 2));
      static_cast<void>(index.top(3));
      index.add(Batch{1}, Values(1.0F));
      static_cast<void>(index.top(3));
      static_cast<void>(index.top(3));
      const std::vector<std::uint32_t> before = bits_of(index.scores());
      {
        Batch batch(4 * socbi::tuning::kMovesPerWorker, 5);
        batch.front() = -1;  // in the share of the calling thread, which is the one that starves
        try {
          const Shortage shortage(at, true);
          index.add(batch, Values(-1.0F), 4);
        } catch (const socbi::UnknownId&) {
        } catch (const std::bad_alloc&) {
        }
      }
      REQUIRE(bits_of(index.scores()) == before);
      const Batch good(4 * socbi::tuning::kMovesPerWorker, 5);
      index.add(good, Values(-1.0F), 4);
      REQUIRE(index.scores()[5] == -static_cast<float>(good.size()));
      REQUIRE(index.check() == "");
    }
  }
}
