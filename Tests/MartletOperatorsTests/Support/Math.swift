import Glibc

// The C library's functions in double precision, against which f32 results are held.

func sine(_ x: Double) -> Double { sin(x) }
func cosine(_ x: Double) -> Double { cos(x) }
func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
func exponential(_ x: Double) -> Double { exp(x) }
