# For Doxygen: the comment at the head of a header is about the file.
1,/^#pragma once/s|^//|///|
1s|^///|/// @file\n///|
