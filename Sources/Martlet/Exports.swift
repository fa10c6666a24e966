// What `import Martlet` brings: the engine's public types, and the text types that they mention.
@_exported public import MartletEngine
@_exported public import MartletModels
@_exported public import MartletRuntime
@_exported public import MartletTemplate
@_exported public import MartletText
