//! The lines of a variant's charts over time.

use super::course::Course;
use super::detail::Point;

/// Gauges of the servers that share a chart: name on the page, name in the record.
const QUEUE: [(&str, &str); 3] = [
    ("running", "running"),
    ("waiting", "waiting"),
    ("queued at the frontend", "frontend_queued"),
];
/// Number of colours for series.
const COLORS: usize = 6;
/// One line of a chart.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) color: usize,
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) filled: bool,
}

/// The lines of one chart, and how it is labelled.
pub(crate) struct Lines {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) series: Vec<Line>,
    /// Whether the vertical axis may be logarithmic.
    pub(crate) wide: bool,
    pub(crate) note: Option<String>,
}

fn line(name: &str, color: usize, values: Vec<Option<f64>>) -> Line {
    Line {
        name: name.to_owned(),
        color,
        values,
        filled: false,
    }
}

fn filled(name: &str, color: usize, values: Vec<Option<f64>>) -> Line {
    Line {
        filled: true,
        ..line(name, color, values)
    }
}

impl Course<'_> {
    /// The lines of all charts, in order. A chart without values is not drawn.
    pub(crate) fn lines(&self) -> [Lines; 6] {
        [
            self.flight(),
            self.rates(),
            self.latencies(),
            self.queue(),
            self.cache(),
            self.gpu(),
        ]
    }

    fn flight(&self) -> Lines {
        Lines {
            key: "flight",
            title: "Requests in flight",
            unit: "requests",
            series: vec![filled("in flight", 0, self.in_flight())],
            wide: false,
            note: self.note(),
        }
    }

    fn rates(&self) -> Lines {
        let mut series = vec![filled("answered", 2, self.rate(true))];
        if self.points.iter().any(|p| !p.ok) {
            series.push(line("failed", 3, self.rate(false)));
        }
        Lines {
            key: "rate",
            title: "Rate",
            unit: "requests/s",
            series,
            wide: false,
            note: self.note(),
        }
    }

    fn latencies(&self) -> Lines {
        let streams = self.points.iter().any(|p| p.ttft.is_some());
        let (title, time): (_, fn(&Point) -> _) = if streams {
            ("Time to first token", |p| p.ttft)
        } else {
            ("End to end", Point::e2e)
        };
        let [p50, p95] = self.latency(time);
        Lines {
            key: "latency",
            title,
            unit: "ms",
            series: vec![line("p50", 0, p50), line("p95", 1, p95)],
            wide: true,
            note: self.note(),
        }
    }

    /// A remark if not every request is drawn.
    fn note(&self) -> Option<String> {
        let each = self.points.iter().map(|p| p.each).max().unwrap_or(1);
        (each > 1).then(|| format!("Shows one in {each} requests."))
    }

    fn queue(&self) -> Lines {
        let series = QUEUE.iter().enumerate();
        let series = series.map(|(color, (name, gauge))| line(name, color, self.level(gauge, 1.0)));
        Lines {
            key: "queue",
            title: "Requests in the servers",
            unit: "requests",
            series: series
                .filter(|line| line.values.iter().any(Option::is_some))
                .collect(),
            wide: false,
            note: None,
        }
    }

    fn cache(&self) -> Lines {
        let usage = self.level("kv_cache_usage", 100.0);
        Lines {
            key: "cache",
            title: "KV cache in use",
            unit: "%",
            series: vec![filled("KV cache", 2, usage)],
            wide: false,
            note: None,
        }
    }

    fn gpu(&self) -> Lines {
        let gpus = self.gpus().into_iter().enumerate();
        let series = gpus
            .map(|(color, (name, gauge))| line(&name, color % COLORS, self.level(&gauge, 100.0)));
        Lines {
            key: "gpu",
            title: "GPU",
            unit: "%",
            series: series.collect(),
            wide: false,
            note: None,
        }
    }

    /// Gauges of GPUs that are shares: name on the page, name in the record.
    pub(crate) fn gpus(&self) -> Vec<(String, String)> {
        let Some(first) = self.levels.first() else {
            return Vec::new();
        };
        let shown = |gauge: &String| {
            let (gpu, what) = gauge.strip_prefix("gpu")?.split_once('_')?;
            let what = match what {
                "utilization" => "busy",
                "memory" => "memory",
                _ => return None,
            };
            Some((format!("GPU {gpu} {what}"), gauge.clone()))
        };
        first.sample.gauges.keys().filter_map(shown).collect()
    }
}
