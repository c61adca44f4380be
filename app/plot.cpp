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
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distribution.hpp"
#include "rectify/rectify.hpp"
#include "report/figures.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has no header for it
#include "text_width.hpp"

namespace rectify::app {
namespace {

enum class Kind : std::uint8_t { svg, png };

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
constexpr std::string_view kDeadZoneColour = "#fbe3d6";
constexpr std::string_view kZoneBorderColour = "#e8a882";
constexpr std::string_view kInputColour = "#c9ced6";
constexpr std::string_view kLineColours[] = {"#1b1f24", "#0072b2", "#009e73", "#cc79a7", "#e69f00"};

constexpr int kPanelHeight = 360;  // pixels
constexpr int kPanelWidth = 520;
/// More are not drawn: a picture this tall is beyond what viewers show.
constexpr std::size_t kMostReports = 24;
/// Units that get a bar and a name each; more are one outline.
constexpr std::size_t kMostBars = 48;
constexpr std::size_t kOutlinePoints = 600;
/// Columns of text that fit beside one another below a panel, and above it.
constexpr std::size_t kLabelColumns = 56;
constexpr std::size_t kTitleColumns = 48;
constexpr std::size_t kSubtitleColumns = 78;
/// Cells of a distribution.
constexpr std::size_t kCells = 72;

using Script = std::back_insert_iterator<std::string>;

/// A panel's title, and the figures below it.
void title(std::string& script, Kind kind, std::string_view title, std::string_view figures) {
  fmt::format_to(Script(script),
                 "set title {} offset 0,1.1\nset label 1 {} at graph 0.5,1.055 "
                 "center font ',{}' textcolor rgb '#57606a' noenhanced\n",
                 gnuplot_string(title), gnuplot_string(shortened(figures, kSubtitleColumns, true)),
                 kind == Kind::svg ? 11 : 9);
}

/// The share of active samples of each unit, the worst first.
void draw_units(std::string& script, Kind kind, const NamedReport& report,
                const ReportOptions& options, std::size_t number) {
  const Script to(script);
  const TensorFigures& figures = report.figures;
  const ActivationFigures& row = figures.activations[judge(figures, options)];
  const std::vector<std::size_t> order = worst_first(row);
  const std::size_t count = order.size();
  const bool bars = count <= kMostBars;

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
    const double share = 100 * value_of(unit.active_frac).value_or(0);
    std::string& data = unit.dead ? dead_data : alive_data;
    if (!bars) {
      const std::size_t next = i + 1 < points ? rank_of(i + 1) : rank + 1;
      const double right = 1 + static_cast<double>(rank + next) / 2;
      fmt::format_to(std::back_inserter(data), "{} {}\n{} {}\n", left, share, right, share);
      left = right;
      continue;
    }
    fmt::format_to(std::back_inserter(data), "{} {}\n", rank + 1, share);
    constexpr std::size_t kNameColumns = 14;
    const std::string name = shortened(unit_name(report, order[rank]), kNameColumns, true);
    widest = std::max(widest, display_width(name));
    fmt::format_to(std::back_inserter(tics), "{}{} {}", tics.empty() ? "" : ", ",
                   gnuplot_string(name, true), rank + 1);
  }
  // gnuplot takes no empty data block for a plot: a unit outside the range stands for none.
  const auto block = [&](std::string_view name, const std::string& data) {
    fmt::format_to(to, "${}{} << EOD\n{}EOD\n", name, number, data.empty() ? "-1 0\n" : data);
  };
  block("alive", alive_data);
  block("dead", dead_data);

  title(script, kind, shortened(escaped(report.source), kTitleColumns, true) + ": active samples",
        fmt::format("{} of {} dead under {} ({}), {} of the inputs positive", row.dead_units,
                    plural(count, "unit"), label(row.mode), percent(row.dead_frac),
                    percent(row.active_frac)));
  fmt::format_to(
      to, "set xlabel {}\nset ylabel 'share of samples, %'\n",
      gnuplot_string(count == 1 ? "1 unit" : fmt::format("{} units, worst first", count)));
  const bool beside = count * (widest + 1) <= kLabelColumns;
  if (count == 0) {
    script += "unset xtics\n";
  } else if (bars) {
    fmt::format_to(to, "set xtics ({}) {}\n", tics, beside ? "norotate" : "rotate by 90 right");
  } else {
    script += "set xtics autofreq norotate\n";
  }
  // Spelled out, since a single unit, or none, would leave autoscaling without a range.
  fmt::format_to(to, "set xrange [0.4:{}.6]\nset yrange [-4:108]\nset ytics 0,25,100\n",
                 std::max<std::size_t>(count, 1));
  const std::string dead_key =
      row.dead_units == 0
          ? "notitle"
          : "title " + gnuplot_string("dead under " + label(row.mode)) + " noenhanced";
  script += "set key at graph 0.02,0.97 left top reverse Left\n";
  if (bars) {
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

/// 1, 2 or 5 times a power of ten, for at most 8 tics: gnuplot would let long numbers overlap.
double tic_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 8)));
  for (const double factor : {1, 2, 5}) {
    if (range <= 8 * factor * power) return factor * power;
  }
  return 10 * power;
}

/// What the activations differ in: how their outputs are distributed, and the inputs behind them.
/// The axis of shares is logarithmic, since a rectifier puts nearly all it has into one cell.
void draw_outputs(std::string& script, Kind kind, const NamedReport& report,
                  std::span<const Tally::Bin> histogram, const ReportOptions& options,
                  std::size_t number) {
  const Script to(script);
  const TensorFigures& figures = report.figures;
  const std::size_t judged = judge(figures, options);
  const Distribution shown = distribution_of(report, histogram, judged, kCells);
  const double step = (shown.high - shown.low) / kCells;

  double least = 100;
  double most = 0.1;
  const auto measure = [&](const std::vector<double>& shares) {
    for (const double share : shares) {
      most = std::max(most, 100 * share);
      if (share > 0) least = std::min(least, 100 * share);
    }
  };
  measure(shown.inputs);
  for (const std::vector<double>& shares : shown.outputs) measure(shares);
  constexpr double kFaintest = 1e-3;  // percent; a few values of many millions are not drawn
  const double bottom = std::max(std::min(least, most / 100), kFaintest) / 2;
  // Room above for the key.
  const double top = most * std::pow(most / bottom, 0.75);
  const auto left_of = [&](std::size_t i) { return shown.low + static_cast<double>(i) * step; };
  fmt::format_to(to, "$inputs{} << EOD\n", number);
  for (std::size_t i = 0; i < kCells; ++i)
    fmt::format_to(to, "{} {}\n", left_of(i) + step / 2, std::max(100 * shown.inputs[i], bottom));
  script += "EOD\n";
  // Outlines, each of a run of cells with anything in them, from the axis up and down to it.
  for (std::size_t a = 0; a < shown.outputs.size(); ++a) {
    const std::vector<double>& shares = shown.outputs[a];
    if (shares.empty()) continue;
    fmt::format_to(to, "$outputs{}_{} << EOD\n", number, a);
    for (std::size_t i = 0; i < kCells; ++i) {
      if (shares[i] == 0) continue;
      if (i == 0 || shares[i - 1] == 0) fmt::format_to(to, "\n{} {}\n", left_of(i), bottom);
      const double share = std::max(100 * shares[i], bottom);
      fmt::format_to(to, "{} {}\n{} {}\n", left_of(i), share, left_of(i + 1), share);
      if (i + 1 == kCells || shares[i + 1] == 0)
        fmt::format_to(to, "{} {}\n", left_of(i + 1), bottom);
    }
    script += "EOD\n";
  }

  const ActivationFigures& judge_row = figures.activations[judged];
  std::string subtitle = plural(figures.input.n, "input");
  for (std::size_t i = 1; i < figures.activations.size(); ++i) {
    const ActivationFigures& row = figures.activations[i];
    if (!row.differs || *row.differs == 0) continue;
    subtitle += fmt::format(
        "; {} unlike {}: {}, by up to {}", label(row.mode), label(figures.activations[0].mode),
        percent(*row.differs, row.n - row.nan), rectify::app::number(row.max_abs_diff, 3));
    break;  // there is room for one
  }
  title(script, kind, "distribution of the outputs", subtitle);
  std::string xlabel = "input, output";
  if (shown.total == 0) {
    xlabel = "no finite inputs";
  } else if (shown.outside > 0.005) {
    xlabel += fmt::format(" ({:.2g} % of the inputs lie beyond)", 100 * shown.outside);
  }
  fmt::format_to(to, "set xlabel {}\nset ylabel 'share of values, %'\n", gnuplot_string(xlabel));
  fmt::format_to(to, "set xrange [{}:{}]\nset xtics {} norotate\n", shown.low, shown.high,
                 tic_step(shown.high - shown.low));
  fmt::format_to(to, "set logscale y\nset yrange [{}:{}]\nset ytics (", bottom, top);
  for (int power = 2; power >= -4; --power)
    fmt::format_to(to, "{}'{:g}' 1e{}", power == 2 ? "" : ", ", std::pow(10.0, power), power);
  script += ")\n";
  for (std::size_t i = 0; i < shown.dead.size(); ++i) {
    fmt::format_to(to,
                   "set object {} rectangle from {}, graph 0 to {}, graph 1 behind fillcolor rgb "
                   "'{}' fillstyle solid 1 noborder\n",
                   i + 1, shown.dead[i].first, shown.dead[i].second, kDeadZoneColour);
  }
  script += "set key at graph 0.02,0.97 left top reverse Left\nset boxwidth 0.94 relative\n";
  fmt::format_to(to,
                 "plot $inputs{} using 1:2 with boxes fill solid 1 noborder lc rgb '{}' title "
                 "'inputs'",
                 number, kInputColour);
  // The baseline last and on top: where the others part from it is what is to be seen.
  for (std::size_t i = shown.outputs.size(); i-- > 0;) {
    if (shown.outputs[i].empty()) continue;
    fmt::format_to(to,
                   ", $outputs{}_{} using 1:2 with lines lw {} lc rgb '{}' title {} "
                   "noenhanced",
                   number, i, i == 0 ? "1.8" : "2.6", kLineColours[i % std::size(kLineColours)],
                   gnuplot_string("outputs of " + label(figures.activations[i].mode)));
  }
  if (!shown.dead.empty()) {
    const double live = value_of(judge_row.live_frac).value_or(1);
    fmt::format_to(
        to, ", -1 with boxes fill solid 1 border lc rgb '{}' lc rgb '{}' title {} noenhanced",
        kZoneBorderColour, kDeadZoneColour,
        gnuplot_string(fmt::format("no gradient under {}: {} of the inputs", label(judge_row.mode),
                                   percent(1 - live))));
  }
  script += "\nunset logscale y\n";
  for (std::size_t i = 0; i < shown.dead.size(); ++i)
    fmt::format_to(to, "unset object {}\n", i + 1);
}

std::string script_for(Kind kind, const std::vector<NamedReport>& reports,
                       const std::vector<std::vector<Tally::Bin>>& histograms,
                       const ReportOptions& options) {
  const std::size_t drawn = std::min(reports.size(), kMostReports);
  const int width = 2 * kPanelWidth;
  const int height = kPanelHeight * static_cast<int>(drawn);

  std::string script = "set encoding utf8\n";
  const Script to(script);
  if (kind == Kind::svg) {
    fmt::format_to(to,
                   "set terminal svg size {},{} dynamic noenhanced font 'sans-serif,13' "
                   "background rgb 'white' linewidth 1\n",
                   width, height);
  } else {
    // Twice as many pixels as an SVG has points, for screens that show as many; of the other
    // terminal, whose letters do not grow, as many.
    fmt::format_to(
        to,
        "if (strstrt(GPVAL_TERMINALS, ' pngcairo ') > 0) {{ set terminal pngcairo "
        "size {0},{1} noenhanced font 'sans,10' fontscale 2 linewidth 2 pointscale 2 "
        "background rgb 'white' }} else {{ set terminal png size {2},{3} noenhanced }}\n",
        2 * width, 2 * height, width, height);
  }
  script +=
      "set border 3 lw 0.8 lc rgb '#57606a'\n"
      "set tics nomirror out scale 0.6 textcolor rgb '#24292f'\n"
      "set grid ytics back lt 1 lw 0.6 lc rgb '#d8dee4'\n"
      "set tmargin 4\n"
      "set style data lines\n";
  fmt::format_to(to, "set title font ',{}'\n", kind == Kind::svg ? 14 : 12);
  std::string heading;
  if (drawn < reports.size()) heading = fmt::format("the first {} of {}", drawn, reports.size());
  fmt::format_to(to, "set multiplot layout {},2{}\n", drawn,
                 heading.empty() ? "" : " title " + gnuplot_string(heading));
  for (std::size_t i = 0; i < drawn; ++i) {
    const std::span<const Tally::Bin> bins = i < histograms.size()
                                                 ? std::span<const Tally::Bin>(histograms[i])
                                                 : std::span<const Tally::Bin>();
    draw_units(script, kind, reports[i], options, i);
    draw_outputs(script, kind, reports[i], bins, options, i);
  }
  script += "unset multiplot\n";
  return script;
}

Kind kind_of(const std::string& target) {
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

void check_plot_target(const std::string& target) {
  if (target != "-") kind_of(target);
}

void plot(const std::string& target, const std::vector<NamedReport>& reports,
          const std::vector<std::vector<Tally::Bin>>& histograms, const ReportOptions& options) {
  if (reports.empty()) return;
  const bool text = target == "-";
  const std::string picture =
      text ? plot_text(reports, histograms, options)
           : gnuplot(script_for(kind_of(target), reports, histograms, options));
  Output output = text ? Output::standard_output() : Output::file(target);
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
  bool is_escape = false;  // the last one is, of which gnuplot reads as many digits as there are
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    const bool harmless = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || byte >= 0x80 ||
                          std::string_view(" .,:()-_/").find(c) != std::string_view::npos;
    if (harmless && !(is_escape && c >= '0' && c <= '7')) {
      out += c;
      is_escape = false;
    } else {
      is_escape = true;
      for (int times = tic_label && c == '%' ? 2 : 1; times > 0; --times)
        fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
    }
  }
  return out + '"';
}

}  // namespace rectify::app
