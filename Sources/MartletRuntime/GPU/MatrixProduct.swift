/// A product of matrices for a vendor's library: `out = x weightᵀ (+ bias)`, sums in f32, rounded once.
package struct MatrixProduct {
  /// Types of elements that libraries know.
  package enum Element: Hashable, Sendable {
    case f32, f16, bf16
  }

  /// What decides on how it is calculated.
  package struct Shape: Hashable, Sendable {
    /// Of x and the weight.
    package var element: Element
    /// Of the result and the bias.
    package var outElement: Element
    package var hasBias: Bool
    /// Rows of x and the result, rows of the weight, columns of both.
    package var tokens, rows, columns: Int
    /// From one row to the next, in elements.
    package var xStride, weightStride, outStride: Int
    /// What the addresses of x, the weight and the result are multiples of, in bytes.
    var alignments: [UInt32] = []
  }

  package var shape: Shape
  package let x, weight: UnsafeRawPointer
  package let bias: UnsafeRawPointer?
  package let out: UnsafeMutableRawPointer

  package init(
    _ shape: Shape, x: UnsafeRawPointer, weight: UnsafeRawPointer, bias: UnsafeRawPointer?, out: UnsafeMutableRawPointer
  ) {
    self.shape = shape
    (self.x, self.weight, self.bias, self.out) = (x, weight, bias, out)
    self.shape.alignments = [UInt(bitPattern: weight), UInt(bitPattern: x), UInt(bitPattern: out)].map { address in
      UInt32(min(256, 1 << UInt(address.trailingZeroBitCount)))
    }
  }
}

extension MatrixProduct.Shape {
  package init(
    _ element: MatrixProduct.Element, to outElement: MatrixProduct.Element, hasBias: Bool, tokens: Int, rows: Int,
    columns: Int, xStride: Int, weightStride: Int, outStride: Int
  ) {
    (self.element, self.outElement, self.hasBias) = (element, outElement, hasBias)
    (self.tokens, self.rows, self.columns) = (tokens, rows, columns)
    (self.xStride, self.weightStride, self.outStride) = (xStride, weightStride, outStride)
  }
}

/// Products by a vendor's library for one stream, which has its own working memory there and remembers how each shape is
/// calculated: the same shape gives the same bits every time.
package protocol MatrixProducts: AnyObject {
  /// Bytes of working memory, constant.
  var workspaceBytes: Int { get }

  /// Puts a product on a stream.
  /// - Returns: false if the library has no way to calculate it; nothing was put on the stream then.
  func multiply(
    _ product: MatrixProduct, workspace: UnsafeMutableRawPointer, on stream: StreamHandle
  ) throws(RuntimeError) -> Bool
}

extension Stream {
  /// Puts a product on a GPU's stream by the vendor's library.
  /// - Returns: false if there is no library or it has no way to calculate it; nothing was put on the stream then.
  package func multiply(_ product: MatrixProduct) throws(RuntimeError) -> Bool {
    guard let (products, workspace) = try matrixProducts() else { return false }
    try runtime.api.setDevice(device.index)
    return try products.multiply(product, workspace: workspace, on: handle)
  }
}
