//! Plots, as SVG: figures against the number of events stored, which grows by powers of ten.

use std::fmt::Write as _;

use crate::stats::shown;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Of the area that lines are drawn in: left, right, top, bottom.
const MARGINS: [f64; 4] = [70.0, 20.0, 50.0, 45.0];
const STEPS: u32 = 4;
const COLOURS: [&str; 3] = ["#0b5fff", "#c2410c", "#15803d"];

/// A line: its name, and its points by events stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// A plot whose vertical axis begins at 0, so that what looks flat is flat.
pub fn svg(title: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let least = points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min).max(1.0);
    let most = points().map(|(x, _)| *x).fold(1.0, f64::max);
    let (first, last) = (least.log10().floor(), most.log10().ceil().max(least.log10().floor() + 1.0));
    let top = ceiling(points().map(|(_, y)| *y).fold(0.0, f64::max));
    let [left, right, above, below] = MARGINS;
    let across = |x: f64| left + (x.max(1.0).log10() - first) / (last - first) * (WIDTH - left - right);
    let up = |y: f64| HEIGHT - below - y / top * (HEIGHT - above - below);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\" fill=\"#222\">\n<title>{title}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         fill=\"#fff\"/>\n<text x=\"{left}\" y=\"20\" font-size=\"15\">{title}</text>\n"
    );
    for step in 0..=STEPS {
        let value = top * f64::from(step) / f64::from(STEPS);
        let y = up(value);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {y:.1}H{:.1}\" stroke=\"#ddd\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            WIDTH - right,
            left - 8.0,
            y + 4.0,
            shown(value)
        );
    }
    for power in first as i32..=last as i32 {
        let events = 10_f64.powi(power);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            across(events),
            HEIGHT - below + 18.0,
            shown(events)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">events stored</text>",
        (left + WIDTH - right) / 2.0,
        HEIGHT - 8.0
    );
    for (number, (series, colour)) in series.iter().zip(COLOURS).enumerate() {
        let path: Vec<String> = series.points.iter().map(|(x, y)| format!("{:.1} {:.1}", across(*x), up(*y))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (x, y) in &series.points {
            let _ =
                writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>", across(*x), up(*y));
        }
        let x = left + 150.0 * number as f64;
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"40\" fill=\"{colour}\">● {}</text>", series.name);
    }
    svg + "</svg>\n"
}

/// The next of 1, 2, 2.5, 5 and 10 times a power of ten that is not less.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| value <= *step).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_with_round_numbers() {
        for (value, expected) in [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (2.3, 2.5), (430.0, 500.0)] {
            assert!((ceiling(value) - expected).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn lines_run_from_left_to_right_and_0_is_below() {
        let series = [
            Series { name: "flat", points: vec![(1_000.0, 2.0), (1_000_000.0, 2.0)] },
            Series { name: "none", points: vec![(1_000.0, 0.0)] },
        ];
        let svg = svg("costs", &series);
        let line = |number: usize| svg.lines().filter(|line| line.starts_with("<polyline")).nth(number).unwrap();
        assert!(line(0).contains("points=\"70.0 50.0 700.0 50.0\""), "{}", line(0));
        assert!(line(1).contains("points=\"70.0 315.0\""), "{}", line(1));
        assert!(svg.contains(">1,000<") && svg.contains(">1,000,000<"));
        assert_eq!(svg.matches("<circle").count(), 3);
    }
}
