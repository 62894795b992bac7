//! Polygons and circles of an area, in degrees of WGS 84. What enters is `10.77,106.69` and the like; what leaves is numbers that
//! are written as they were read. What can go wrong: an open polygon, or a point that is not on Earth.

use std::fmt;

/// A place on Earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// A border: at least four points, of which the last is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(Vec<Point>);

/// What lies around a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// Its middle.
    pub centre: Point,
    /// Kilometres.
    pub radius: f64,
}

/// Why a polygon is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not pairs of numbers.
    Syntax,
    /// Beyond 90 degrees north or south, or 180 east or west.
    NotOnEarth,
    /// Fewer than four points.
    TooFew,
    /// The last point is not the first.
    Open,
}

impl Polygon {
    /// The border along these points; none where it does not close.
    pub fn new(points: Vec<Point>) -> Option<Self> {
        let polygon = Self(points);
        Self::parse(&polygon.to_string()).ok()
    }

    /// Its points, the first one again at the end.
    pub fn points(&self) -> &[Point] {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        let points: Vec<Point> = text.split_ascii_whitespace().map(Point::parse).collect::<Result<_, _>>()?;
        match points.as_slice() {
            [first, .., last] if points.len() >= 4 => (first == last).then_some(Self(points)).ok_or(Flaw::Open),
            _ => Err(Flaw::TooFew),
        }
    }
}

impl Point {
    fn parse(text: &str) -> Result<Self, Flaw> {
        let (latitude, longitude) = text.split_once(',').ok_or(Flaw::Syntax)?;
        let point = Self { latitude: decimal(latitude).ok_or(Flaw::Syntax)?, longitude: decimal(longitude).ok_or(Flaw::Syntax)? };
        let on_earth = point.latitude.abs() <= 90.0 && point.longitude.abs() <= 180.0;
        on_earth.then_some(point).ok_or(Flaw::NotOnEarth)
    }
}

impl Circle {
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        let mut parts = text.split_ascii_whitespace();
        let (Some(centre), Some(radius), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Flaw::Syntax);
        };
        let radius = decimal(radius).filter(|radius| *radius >= 0.0).ok_or(Flaw::Syntax)?;
        Ok(Self { centre: Point::parse(centre)?, radius })
    }
}

/// A number as XML Schema's `decimal` has it: digits with at most one point, no exponent.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.bytes().any(|b| b.is_ascii_digit());
    let number: f64 = plain.then(|| text.parse().ok())??;
    // A zero has one sign.
    number.is_finite().then_some(if number == 0.0 { 0.0 } else { number })
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude, self.longitude)
    }
}

impl fmt::Display for Polygon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, point) in self.0.iter().enumerate() {
            write!(f, "{}{point}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.centre, self.radius)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_closes_and_lies_on_earth() {
        assert_eq!(Polygon::parse("1,2 3,4 5,6 1,2").unwrap().to_string(), "1,2 3,4 5,6 1,2");
        assert_eq!(Polygon::parse("1,2\n 3,4\t5,6 1.0,2").unwrap().points().len(), 4);
        assert_eq!(Polygon::parse("1,2 3,4 5,6 1,2.1"), Err(Flaw::Open));
        assert_eq!(Polygon::parse("1,2 3,4 1,2"), Err(Flaw::TooFew));
        assert_eq!(Polygon::parse(""), Err(Flaw::TooFew));
        assert_eq!(Polygon::parse("1,2 91,4 5,6 1,2"), Err(Flaw::NotOnEarth));
        assert_eq!(Polygon::parse("1, 2 3,4 5,6 1,2"), Err(Flaw::Syntax));
        assert_eq!(Polygon::parse("1,2,3 3,4 5,6 1,2,3"), Err(Flaw::Syntax));
        assert_eq!(Polygon::parse("1e0,2 3,4 5,6 1e0,2"), Err(Flaw::Syntax));
        assert_eq!(Polygon::parse("NaN,2 3,4 5,6 NaN,2"), Err(Flaw::Syntax));
    }

    #[test]
    fn a_circle_has_a_middle_and_a_radius() {
        assert_eq!(Circle::parse("10.77,106.69 2.5").unwrap().to_string(), "10.77,106.69 2.5");
        assert_eq!(Circle::parse("10.77,106.69"), Err(Flaw::Syntax));
        assert_eq!(Circle::parse("10.77,106.69 -1"), Err(Flaw::Syntax));
        assert_eq!(Circle::parse("10.77,206.69 1"), Err(Flaw::NotOnEarth));
    }

    #[test]
    fn a_decimal_has_no_exponent() {
        assert_eq!([decimal("1."), decimal(".5"), decimal("+2"), decimal("-0")], [Some(1.0), Some(0.5), Some(2.0), Some(0.0)]);
        for text in ["", ".", "+", "1e3", "inf", "1.2.3", "--1", "1 ", "٣"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
