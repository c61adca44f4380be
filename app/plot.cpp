// A script for gnuplot, and the pipes to run it. All that comes from an input passes
// gnuplot_string(); numbers are written by us. The script reads no file and calls no command, and
// -d keeps gnuplot from reading the user's settings.

#include "plot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "rectify/rectify.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has no header for it
#include "text_width.hpp"

namespace rectify::app {
namespace {

enum class Kind : std::uint8_t { svg, png, text };

// ---- running gnuplot ---------------------------------------------------------------------------

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(ErrorKind::io, what + ": " + std::strerror(error));
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read_end, write_end;
};

/// Neither end is inherited by a child unless it is asked to.
Pipe open_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) fail("cannot run gnuplot", errno);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

/// While it lives, a gnuplot that has gone shows as EPIPE instead of ending this process.
class NoSigpipe {
 public:
  NoSigpipe() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_);
  }
  ~NoSigpipe() { ::sigaction(SIGPIPE, &before_, nullptr); }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  struct sigaction before_ {};
};

/// A running gnuplot. Waited for in any case, so that no zombie stays; one that nobody waited for
/// before may still want its standard input, and is ended.
class Child {
 public:
  Child(int in, int out, int err) {
    // GNUTERM would name a terminal that the script does not set. Before anything is taken that the
    // lack of memory for this would not give back.
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (!std::string_view(*entry).starts_with("GNUTERM=")) environment.push_back(*entry);
    }
    environment.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    for (const auto& [fd, as] : {std::pair(in, STDIN_FILENO), std::pair(out, STDOUT_FILENO),
                                 std::pair(err, STDERR_FILENO)}) {
      if (error_ == 0) error_ = ::posix_spawn_file_actions_adddup2(&files, fd, as);
    }
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::sigaddset(&defaults, SIGXFSZ);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    char program[] = "gnuplot";
    char settings[] = "-d";
    char* const argv[] = {program, settings, nullptr};
    if (error_ == 0)
      error_ = ::posix_spawnp(&pid_, program, &files, &attributes, argv, environment.data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    if (error_ != 0) pid_ = -1;
  }
  ~Child() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Why it could not be started; 0 if it was.
  int error() const { return error_; }

  /// The status of waitpid().
  int wait() {
    while (pid_ > 0) {
      const pid_t got = ::waitpid(pid_, &status_, 0);
      if (got == pid_ || (got < 0 && errno != EINTR)) pid_ = -1;
    }
    return status_;
  }

 private:
  pid_t pid_ = -1;
  int error_ = 0;
  int status_ = 0;
};

/// Reads what is there, keeps the first `most` bytes of it, and closes at the end.
void drain(Descriptor& from, std::string& to, std::size_t most) {
  std::array<char, 1 << 16> block;
  const ssize_t got = ::read(from.get(), block.data(), block.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got < 0) fail("cannot read from gnuplot", errno);
  if (got == 0) return from.close();
  if (to.size() < most)
    to.append(block.data(), std::min(static_cast<std::size_t>(got), most - to.size()));
}

// ---- the picture -------------------------------------------------------------------------------

// After Okabe and Ito: told apart by people who see red and green alike.
constexpr std::string_view kUnitColour = "#8fb8de";
constexpr std::string_view kDeadColour = "#d55e00";
constexpr std::string_view kInputColour = "#c9ced6";
constexpr std::string_view kLineColours[] = {"#1b1f24", "#0072b2", "#009e73", "#cc79a7", "#e69f00"};

double value_of(const Figure& figure, double otherwise) {
  if (const double* real = std::get_if<double>(&figure)) return *real;
  if (const std::int64_t* whole = std::get_if<std::int64_t>(&figure))
    return static_cast<double>(*whole);
  return otherwise;
}

struct Canvas {
  Kind kind = Kind::svg;
  bool utf8 = false;
  std::size_t columns = 80;  // of text
};

constexpr int kPanelHeight = 340;  // pixels
constexpr int kPanelWidth = 520;
constexpr std::size_t kTextHeight = 18;   // lines of a panel
constexpr std::size_t kSideBySide = 120;  // columns that two panels need
/// More are not drawn: a picture this tall is beyond what viewers show.
constexpr std::size_t kMostReports = 24;
/// Units that get a bar and a name each; more are one outline.
constexpr std::size_t kMostBars = 48;
constexpr std::size_t kOutlinePoints = 600;
/// Values beyond are cut off, so that ranges stay finite.
constexpr double kMostDrawn = std::numeric_limits<double>::max() / 8;
/// Columns of text that fit below a panel.
constexpr std::size_t kLabelColumns = 56;

using Script = std::back_insert_iterator<std::string>;

/// The share of active samples of each unit, the worst first.
void draw_units(std::string& script, const NamedReport& report, const ReportOptions& options,
                const Canvas& canvas, std::size_t number) {
  const Script to(script);
  const TensorFigures& figures = report.figures;
  const ActivationFigures& row = figures.activations[judge(figures, options)];
  const std::vector<std::size_t> order = worst_first(row);
  const std::size_t count = order.size();
  const bool text = canvas.kind == Kind::text;
  const std::size_t panel_columns =
      text && canvas.columns >= kSideBySide ? canvas.columns / 2 : canvas.columns;
  const bool bars = count <= kMostBars;
  const std::size_t label_columns = text ? panel_columns - 14 : kLabelColumns;

  // Shares in percent; dead ones apart. Of very many units, those at even distances and both ends.
  std::string alive_data;
  std::string dead_data;
  std::string tics;
  std::size_t widest = 0;
  const std::size_t points = std::min(count, bars ? count : kOutlinePoints);
  const auto rank_of = [&](std::size_t i) {
    return points < 2 ? i : i * (count - 1) / (points - 1);
  };
  // A point of the outline is as wide as the way to its neighbours: alone it would be no area.
  double left = 0.5;
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t rank = rank_of(i);
    const UnitFigures& unit = row.units[order[rank]];
    const double share = 100 * value_of(unit.active_frac, 0);
    std::string& data = unit.dead ? dead_data : alive_data;
    if (!bars && !text) {
      const std::size_t next = i + 1 < points ? rank_of(i + 1) : rank + 1;
      const double right = 1 + static_cast<double>(rank + next) / 2;
      fmt::format_to(std::back_inserter(data), "{} {}\n{} {}\n", left, share, right, share);
      left = right;
      continue;
    }
    fmt::format_to(std::back_inserter(data), "{} {}\n", rank + 1, share);
    if (bars) {
      constexpr std::size_t kNameColumns = 14;
      const std::string name = shortened(unit_name(report, order[rank]), kNameColumns, true);
      widest = std::max(widest, display_width(name));
      fmt::format_to(std::back_inserter(tics), "{}{} {}", tics.empty() ? "" : ", ",
                     gnuplot_string(name, true), rank + 1);
    }
  }
  // gnuplot takes no empty data block for a plot, and its text terminal crashes on a mark at NaN: a
  // unit outside the range stands for none.
  const auto block = [&](std::string_view name, const std::string& data) {
    fmt::format_to(to, "${}{} << EOD\n{}EOD\n", name, number, data.empty() ? "-1 0\n" : data);
  };
  block("alive", alive_data);
  block("dead", dead_data);

  const std::size_t room = text ? panel_columns - std::min<std::size_t>(panel_columns, 24) : 48;
  const std::string source =
      shortened(escaped(report.source), std::max<std::size_t>(room, 12), !text || canvas.utf8);
  fmt::format_to(to, "set title {} noenhanced\n", gnuplot_string(source + ": active samples"));
  fmt::format_to(
      to, "set xlabel {}\n",
      gnuplot_string(count == 1 ? "1 unit" : fmt::format("{} units, worst first", count)));
  fmt::format_to(to, "set ylabel {}\n", gnuplot_string(text ? "%" : "share of samples, %"));
  const bool beside = count * (widest + 1) <= label_columns;
  if (count == 0) {
    script += "unset xtics\n";
  } else if (bars && (beside || !text)) {
    fmt::format_to(to, "set xtics ({}) {}\n", tics, beside ? "norotate" : "rotate by 90 right");
  } else {
    script += "set xtics autofreq norotate\n";
  }
  // Spelled out, since a single unit, or none, would leave autoscaling without a range.
  fmt::format_to(to, "set xrange [0.4:{}.6]\nset yrange [{}:108]\nset ytics 0,25,100\n",
                 std::max<std::size_t>(count, 1), text ? "-6" : "-4");
  const std::string dead_title =
      row.dead_units == 0
          ? ""
          : fmt::format("dead under {}: {} of {}", label(row.mode), row.dead_units, count);
  const std::string dead_key =
      dead_title.empty() ? "notitle" : "title " + gnuplot_string(dead_title) + " noenhanced";
  script += text ? "set key at graph 0.04,0.97 left top reverse Left samplen 3\n"
                 : "set key at graph 0.02,0.97 left top reverse Left\n";
  if (text) {
    fmt::format_to(to,
                   "plot $alive{0} using 1:2 with impulses lc rgb '{1}' notitle, "
                   "$dead{0} using 1:(0) with points pt 'x' lc rgb '{2}' {3}\n",
                   number, kUnitColour, kDeadColour, dead_key);
  } else if (bars) {
    // In units of the axis: relative to its neighbours' distance, a box without any has no width.
    fmt::format_to(to,
                   "set boxwidth 0.8 absolute\nplot $alive{0} using 1:2 with boxes fill solid 1 "
                   "noborder lc rgb '{1}' "
                   "notitle, $dead{0} using 1:2 with boxes fill solid 1 noborder lc rgb '{2}' "
                   "notitle, $dead{0} using 1:(0) with points pt 2 ps 0.9 lw 2 lc rgb '{2}' {3}\n",
                   number, kUnitColour, kDeadColour, dead_key);
  } else {
    fmt::format_to(to,
                   "plot $alive{0} using 1:2 with filledcurves y=0 fill solid 1 noborder lc rgb "
                   "'{1}' notitle, $dead{0} using 1:2 with filledcurves y=0 fill solid 1 noborder "
                   "lc rgb '{2}' notitle, $dead{0} using 1:(0) with lines lw 6 lc rgb '{2}' {3}\n",
                   number, kUnitColour, kDeadColour, dead_key);
  }
}

/// What a histogram of a few dozen even bins over [low, high] holds.
struct Histogram {
  double low = 0, high = 0;
  std::vector<double> counts;
  double total = 0;    // of all finite inputs
  double outside = 0;  // of those, beyond low and high
};

/// The value below which a share of the inputs lies, evenly spread within a bin.
double quantile(std::span<const Tally::Bin> bins, double total, double share) {
  double below = 0;
  for (const Tally::Bin& bin : bins) {
    const double count = static_cast<double>(bin.count);
    if (count > 0 && below + count >= share * total) {
      const double part = std::clamp((share * total - below) / count, 0.0, 1.0);
      return bin.low + part * (bin.high - bin.low);
    }
    below += count;
  }
  return bins.empty() ? 0 : bins.back().high;
}

/// The report's bins grow with their distance from zero; a picture of a distribution needs even
/// ones. All but the outermost 0.1 % are shown: one far value would leave the rest a single spike.
Histogram even_bins(std::span<const Tally::Bin> bins, std::size_t count) {
  constexpr double kTail = 0.0005;
  Histogram result;
  for (const Tally::Bin& bin : bins) result.total += static_cast<double>(bin.count);
  result.counts.assign(count, 0);
  if (result.total == 0) {
    result.low = -1, result.high = 1;
    return result;
  }
  // Zero is always in sight: that is where the activations bend.
  result.low = std::min(quantile(bins, result.total, kTail), 0.0);
  result.high = std::max(quantile(bins, result.total, 1 - kTail), 0.0);
  constexpr double kLeastWidth = 1e-290;  // what is narrower is out of gnuplot's reach
  double width = result.high - result.low;
  if (!(width > kLeastWidth)) width = 1;
  if (!std::isfinite(width)) width = 2 * kMostDrawn;
  result.low = std::max(result.low, -kMostDrawn) - 0.04 * width;
  result.high = std::min(result.high, kMostDrawn) + 0.04 * width;
  const double step = (result.high - result.low) / static_cast<double>(count);
  const auto cell = [&](double x) {
    return std::clamp((x - result.low) / step, 0.0, static_cast<double>(count));
  };
  for (const Tally::Bin& bin : bins) {
    const double all = static_cast<double>(bin.count);
    if (all == 0) continue;
    const double begin = cell(bin.low);
    const double end = cell(bin.high);
    const double middle = bin.low / 2 + bin.high / 2;
    if (!(bin.high > bin.low) || !(end > begin)) {  // a single value, or a bin far outside
      if (middle < result.low || middle > result.high) {
        result.outside += all;
      } else {
        result.counts[std::min(static_cast<std::size_t>(begin), count - 1)] += all;
      }
      continue;
    }
    const double per_cell = all * step / (bin.high - bin.low);
    double inside = 0;
    for (double at = begin; at < end;) {
      const double next = std::min(std::floor(at) + 1, end);
      const double part = (next - at) * per_cell;
      result.counts[std::min(static_cast<std::size_t>(at), count - 1)] += part;
      inside += part;
      at = next;
    }
    result.outside += std::max(0.0, all - inside);
  }
  return result;
}

/// 1, 2 or 5 times a power of ten, for at most 8 tics: gnuplot would let long numbers overlap.
double tic_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 8)));
  for (const double factor : {1, 2, 5}) {
    if (range <= 8 * factor * power) return factor * power;
  }
  return 10 * power;
}

/// The distribution of the inputs, and the activations over it.
void draw_inputs(std::string& script, const NamedReport& report,
                 std::span<const Tally::Bin> histogram, const Canvas& canvas, std::size_t number) {
  const Script to(script);
  const bool text = canvas.kind == Kind::text;
  // In characters a bin for each column of the panel, but for axes and labels.
  const std::size_t panel_columns =
      canvas.columns >= kSideBySide ? canvas.columns / 2 : canvas.columns;
  const Histogram bins = even_bins(
      histogram, text ? panel_columns - std::min<std::size_t>(panel_columns - 16, 22) : 72);
  const double step = (bins.high - bins.low) / static_cast<double>(bins.counts.size());

  double most = 0;
  fmt::format_to(to, "$inputs{} << EOD\n", number);
  for (std::size_t i = 0; i < bins.counts.size(); ++i) {
    const double share = bins.total == 0 ? 0 : 100 * bins.counts[i] / bins.total;
    most = std::max(most, share);
    fmt::format_to(to, "{} {}\n", bins.low + (static_cast<double>(i) + 0.5) * step, share);
  }
  script += "EOD\n";

  // The curves come from the functions themselves, so that what is drawn is what is computed.
  constexpr std::size_t kHalf = 64;
  std::vector<double> x;
  for (std::size_t i = 0; i < kHalf; ++i)
    x.push_back(bins.low * (1 - static_cast<double>(i) / kHalf));
  for (std::size_t i = 0; i <= kHalf; ++i)
    x.push_back(bins.high * (static_cast<double>(i) / kHalf));
  double low = 0;
  double high = 0;
  fmt::format_to(to, "$curves{} << EOD\n", number);
  std::vector<Tensor> curves;
  const Tensor inputs = Tensor::of<double>(x, {static_cast<std::int64_t>(x.size())});
  for (const ActivationFigures& row : report.figures.activations) {
    curves.push_back(apply(row.mode, inputs.clone()));
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    fmt::format_to(to, "{}", x[i]);
    for (const Tensor& curve : curves) {
      const double y = std::clamp(curve.data<double>()[i], -kMostDrawn, kMostDrawn);
      low = std::min(low, y);
      high = std::max(high, y);
      fmt::format_to(to, " {}", y);
    }
    script += '\n';
  }
  script += "EOD\n";
  if (!(high > low)) high = low + 1;

  script += "set title 'distribution of the inputs, activations over it'\n";
  std::string xlabel = "input";
  if (bins.total == 0) {
    xlabel = "no finite inputs";
  } else if (bins.outside > 0.5) {
    xlabel += fmt::format(" ({:.2g} % lie beyond)", 100 * bins.outside / bins.total);
  }
  fmt::format_to(to, "set xlabel {}\n", gnuplot_string(xlabel));
  fmt::format_to(to, "set ylabel {}\n", gnuplot_string(text ? "%" : "share of inputs, %"));
  fmt::format_to(to, "set xrange [{}:{}]\nset xtics {} norotate\n", bins.low, bins.high,
                 tic_step(bins.high - bins.low));
  fmt::format_to(to, "set yrange [0:{}]\nset ytics autofreq\n", most > 0 ? 1.15 * most : 1.0);
  // Zero output stands at the bottom unless some outputs are below.
  const double margin = 0.06 * (high - low);
  fmt::format_to(to, "set y2range [{}:{}]\nset y2tics autofreq nomirror {}\n", low - margin,
                 high + 2 * margin, text ? "" : "textcolor rgb '#24292f'\nset y2label 'output'");
  script += text ? "set key at graph 0.04,0.97 left top reverse Left samplen 3\n"
                 : "set key at graph 0.02,0.97 left top reverse Left\n";
  if (text) {
    // Twice, half a bin apart, so that rounding to columns leaves no gaps.
    fmt::format_to(to,
                   "plot $inputs{0} using 1:2 with impulses lt 1 lc rgb '{1}' notitle, "
                   "$inputs{0} using ($1+{2}):2 with impulses lt 1 lc rgb '{1}' notitle",
                   number, kInputColour, step / 2);
  } else {
    fmt::format_to(to,
                   "set boxwidth 0.94 relative\nplot $inputs{} using 1:2 with boxes fill solid 1 "
                   "noborder lc rgb '{}' notitle",
                   number, kInputColour);
  }
  // The baseline last, thin and on top: where the others part from it is what is to be seen.
  for (std::size_t i = report.figures.activations.size(); i-- > 0;) {
    const std::string name = label(report.figures.activations[i].mode);
    fmt::format_to(to, ", $curves{} using 1:{} axes x1y2 with {} lc rgb '{}' title {} noenhanced",
                   number, i + 2,
                   text     ? fmt::format("lines lt {}", i + 2)
                   : i == 0 ? "lines lw 1.6 dt (7,5)"
                            : "lines lw 3.2",
                   kLineColours[i % std::size(kLineColours)],
                   gnuplot_string(text ? name + " (right)" : name));
  }
  script += "\nunset y2tics\nunset y2label\nset y2range [*:*]\n";
}

std::string script_for(const Canvas& canvas, const std::vector<NamedReport>& reports,
                       const std::vector<std::vector<Tally::Bin>>& histograms,
                       const ReportOptions& options) {
  const std::size_t drawn = std::min(reports.size(), kMostReports);
  const bool wide = canvas.kind != Kind::text || canvas.columns >= kSideBySide;
  const std::size_t rows = wide ? drawn : 2 * drawn;
  const int width = 2 * kPanelWidth;
  const int height = kPanelHeight * static_cast<int>(drawn);

  std::string script = "set encoding utf8\n";
  const Script to(script);
  switch (canvas.kind) {
    case Kind::svg:
      fmt::format_to(to,
                     "set terminal svg size {},{} dynamic noenhanced font 'sans-serif,13' "
                     "background rgb 'white' linewidth 1\n",
                     width, height);
      break;
    case Kind::png:
      fmt::format_to(to,
                     "if (strstrt(GPVAL_TERMINALS, ' pngcairo ') > 0) {{ set terminal pngcairo "
                     "size {0},{1} noenhanced font 'sans,10' background rgb 'white' }} else {{ set "
                     "terminal png size {0},{1} noenhanced }}\n",
                     width, height);
      break;
    case Kind::text:
      // Without colours: characters tell the curves apart, on a light and on a dark background.
      fmt::format_to(to, "set terminal dumb {} {} mono noenhanced nofeed\n", canvas.columns,
                     rows * kTextHeight);
      break;
  }
  if (canvas.kind != Kind::text) {
    script +=
        "set border 3 lw 0.8 lc rgb '#57606a'\n"
        "set tics nomirror out scale 0.6 textcolor rgb '#24292f'\n"
        "set grid ytics back lt 1 lw 0.6 lc rgb '#d8dee4'\n"
        "set title font ',14'\n";
  }
  script += "set style data lines\n";
  std::string heading;
  if (drawn < reports.size()) heading = fmt::format("the first {} of {}", drawn, reports.size());
  fmt::format_to(to, "set multiplot layout {},{}{}\n", rows, wide ? 2 : 1,
                 heading.empty() ? "" : " title " + gnuplot_string(heading));
  for (std::size_t i = 0; i < drawn; ++i) {
    const std::span<const Tally::Bin> bins = i < histograms.size()
                                                 ? std::span<const Tally::Bin>(histograms[i])
                                                 : std::span<const Tally::Bin>();
    draw_units(script, reports[i], options, canvas, i);
    draw_inputs(script, reports[i], bins, canvas, i);
  }
  script += "unset multiplot\n";
  return script;
}

/// gnuplot fills every line, and leaves empty ones at either end.
std::string without_trailing_blanks(std::string_view picture) {
  std::string text;
  while (!picture.empty()) {
    const std::size_t end = std::min(picture.find('\n'), picture.size());
    std::string_view line = picture.substr(0, end);
    line = line.substr(0, line.find_last_not_of(" \f\r") + 1);
    if (!line.empty() || !text.empty()) (text += line) += '\n';
    picture.remove_prefix(std::min(end + 1, picture.size()));
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

Kind kind_of(const std::string& target) {
  if (target == "-") return Kind::text;
  if (target.ends_with(".svg")) return Kind::svg;
  if (target.ends_with(".png")) return Kind::png;
  throw Error(ErrorKind::usage,
              "--plot takes FILE.svg, FILE.png or - for the terminal, not " + in_quotes(target));
}

}  // namespace

std::string gnuplot(std::string_view script) {
  constexpr std::size_t kMostPicture = std::size_t{64} << 20;
  constexpr std::size_t kMostComplaint = 4096;
  const NoSigpipe no_sigpipe;
  Pipe in = open_pipe();
  Pipe out = open_pipe();
  Pipe err = open_pipe();
  Child child(in.read_end.get(), out.write_end.get(), err.write_end.get());
  if (child.error() == ENOENT)
    throw Error(ErrorKind::io, "plotting needs gnuplot", "apt-get install gnuplot-nox");
  if (child.error() != 0) fail("cannot run gnuplot", child.error());
  in.read_end.close();
  out.write_end.close();
  err.write_end.close();

  // All three at once: gnuplot may wait for its output to be read before it reads on.
  if (::fcntl(in.write_end.get(), F_SETFL, O_NONBLOCK) != 0) fail("cannot run gnuplot", errno);
  std::string picture;
  std::string complaint;
  while (out.read_end.is_open() || err.read_end.is_open()) {
    pollfd wanted[] = {{in.write_end.get(), POLLOUT, 0},
                       {out.read_end.get(), POLLIN, 0},
                       {err.read_end.get(), POLLIN, 0}};
    if (::poll(wanted, std::size(wanted), -1) < 0) {
      if (errno == EINTR) continue;
      fail("cannot run gnuplot", errno);
    }
    if (wanted[0].revents != 0) {
      const ssize_t put = ::write(in.write_end.get(), script.data(), script.size());
      if (put >= 0) script.remove_prefix(static_cast<std::size_t>(put));
      const bool gone = put < 0 && errno == EPIPE;  // and will say why
      if (put < 0 && !gone && errno != EAGAIN && errno != EINTR)
        fail("cannot write to gnuplot", errno);
      if (script.empty() || gone) in.write_end.close();
    }
    if (wanted[1].revents != 0) drain(out.read_end, picture, kMostPicture);
    if (picture.size() == kMostPicture) {
      throw Error(ErrorKind::io, "gnuplot failed: its picture has no end",
                  "what is called gnuplot in PATH may be another program");
    }
    if (wanted[2].revents != 0) drain(err.read_end, complaint, kMostComplaint);
  }
  in.write_end.close();

  const int status = child.wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !picture.empty()) return picture;
  // What it says are lines, some of them empty or a caret below the script.
  std::string text;
  bool blank = true;
  for (const char c : complaint) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '^';
    if (!space && blank && !text.empty()) text += ' ';
    if (!space) text += c;
    blank = space;
  }
  if (text.empty()) {
    text = WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status))
                               : fmt::format("exit status {}", WEXITSTATUS(status));
  }
  throw Error(ErrorKind::io, "gnuplot failed: " + escaped(text, 400));
}

void check_plot_target(const std::string& target) { kind_of(target); }

void plot(const std::string& target, const std::vector<NamedReport>& reports,
          const std::vector<std::vector<Tally::Bin>>& histograms, const ReportOptions& options) {
  Canvas canvas{kind_of(target), options.utf8,
                static_cast<std::size_t>(std::max(options.columns, 40))};
  if (reports.empty()) return;
  std::string picture = gnuplot(script_for(canvas, reports, histograms, options));
  if (canvas.kind == Kind::text) picture = without_trailing_blanks(picture);
  Output output = canvas.kind == Kind::text ? Output::standard_output() : Output::file(target);
  output.write(picture);
  output.commit();
}

std::string gnuplot_string(std::string_view text, bool tic_label) {
  // All that could mean anything to gnuplot is an octal escape. (A quote written twice in single
  // quotes will not do: 5.4 takes it for the end of the string where it stands first.)
  std::string plain = escaped(text);
  // The end of a CDATA section, which the svg terminal lets through and XML does not.
  for (std::size_t at = 0; (at = plain.find("]]>", at)) != std::string::npos; ++at)
    plain.insert(at + 2, " ");
  std::string out = "\"";
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    const bool harmless = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || byte >= 0x80 ||
                          std::string_view(" .,:()-_/").find(c) != std::string_view::npos;
    if (harmless) {
      out += c;
    } else {
      for (int times = tic_label && c == '%' ? 2 : 1; times > 0; --times)
        fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
    }
  }
  return out + '"';
}

}  // namespace rectify::app
